select external_id from link
where org_id = %(org_id)s and tenant_key = %(tenant_key)s and dirty_at is not null and status = 'open'
  and (push_not_before is null or push_not_before <= %(now)s)
order by dirty_at, external_id limit %(limit)s
