select * from issue where org_id = %(org_id)s and issue_id = %(issue_id)s
