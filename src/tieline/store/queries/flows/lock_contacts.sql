select contact_id from contact where org_id = %(org_id)s and contact_id = any(%(contact_ids)s)
order by contact_id for no key update
