-- Another part of them each time, and always those whose creation is in doubt.
select * from activity
where org_id = %(org_id)s and tenant_key = %(tenant_key)s and activity_id is not null
order by intent_at is null, md5(%(run_id)s || platform || conversation_id) limit %(limit)s
