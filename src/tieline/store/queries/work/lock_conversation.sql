select 1 from conversation
where org_id = %(org_id)s and platform = %(platform)s and conversation_id = %(conversation_id)s
for no key update
