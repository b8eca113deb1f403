select external_id from link
where org_id = %(org_id)s and tenant_key = %(tenant_key)s and status = 'missing' and external_id <> all(%(without)s)
order by external_id limit %(limit)s
