update crm_config set app_id = null where org_id = %(org_id)s and app_id = %(app_id)s
