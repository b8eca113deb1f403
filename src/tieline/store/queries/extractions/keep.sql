update extraction set claim_until = %(until)s
where org_id = %(org_id)s and platform = %(platform)s and conversation_id = %(conversation_id)s
    and claim_token = %(token)s
