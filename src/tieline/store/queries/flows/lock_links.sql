select external_id from link
where org_id = %(org_id)s and tenant_key = %(tenant_key)s and external_id = any(%(external_ids)s)
order by external_id for no key update
