update conversation set contact_id = %(contact_id)s, counted = true
where org_id = %(org_id)s and platform = %(platform)s and conversation_id = %(conversation_id)s
