select * from activity
where org_id = %(org_id)s and tenant_key = %(tenant_key)s and due_at <= %(now)s
order by due_at, platform, conversation_id limit %(limit)s
