update link set needs_read = true, version = version + 1
where org_id = %(org_id)s and tenant_key = %(tenant_key)s and status in ('open', 'shared') and not needs_read
