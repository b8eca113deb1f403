select contact_memory from contact where org_id = %(org_id)s and contact_id = %(contact_id)s
