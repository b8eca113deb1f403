select contact_id, external_id from link
where org_id = %(org_id)s and contact_id = any(%(contact_ids)s) and status = 'open'
