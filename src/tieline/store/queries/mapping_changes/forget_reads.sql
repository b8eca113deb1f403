delete from read_state where org_id = %(org_id)s and app_id = %(app_id)s
