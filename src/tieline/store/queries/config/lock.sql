select org_id from crm_config where org_id = %(org_id)s for update
