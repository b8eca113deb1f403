update record_creation
set status = %(status)s, intent_at = %(intent_at)s, intent = %(intent)s, due_at = %(due_at)s, attempts = %(attempts)s
where org_id = %(org_id)s and tenant_key = %(tenant_key)s and contact_id = %(contact_id)s
