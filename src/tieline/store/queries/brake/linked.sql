select count(*) as number from link
where org_id = %(org_id)s and tenant_key = %(tenant_key)s and status = 'open'
