update link set push_not_before = %(until)s, push_attempts = push_attempts + %(attempts)s
where org_id = %(org_id)s and tenant_key = %(tenant_key)s and external_id = any(%(external_ids)s)
