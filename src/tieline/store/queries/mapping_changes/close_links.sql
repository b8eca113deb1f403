update link set status = 'closed', dirty_at = null, needs_read = false, version = version + 1
where org_id = %(org_id)s and tenant_key = %(tenant_key)s and status = 'open'
