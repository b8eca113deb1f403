select contact_id, tenant_key, external_id from link
where org_id = %(org_id)s and contact_id = any(%(contact_ids)s) and status = 'open'
order by tenant_key
