select app_id from crm_config where org_id = %(org_id)s and app_id is not null
