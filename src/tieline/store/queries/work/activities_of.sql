select * from activity
where org_id = %(org_id)s and platform = %(platform)s and conversation_id = %(conversation_id)s
