update link
set state = state - %(keys)s::text[], push_blocked = push_blocked - %(keys)s::text[], version = version + 1
where org_id = %(org_id)s and tenant_key = %(tenant_key)s and (state ?| %(keys)s or push_blocked ?| %(keys)s)
