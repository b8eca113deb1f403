update contact
set conversation_count = conversation_count + 1, last_conversation_at = greatest(last_conversation_at, %(at)s)
where org_id = %(org_id)s and contact_id = %(contact_id)s
