update record_creation
set due_at = %(until)s, attempts = attempts + %(more)s
where org_id = %(org_id)s and tenant_key = %(tenant_key)s and contact_id = %(contact_id)s and status = 'due'
