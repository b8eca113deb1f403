select contact_id, phone_number from contact where org_id = %(org_id)s and contact_id = any(%(contact_ids)s)
