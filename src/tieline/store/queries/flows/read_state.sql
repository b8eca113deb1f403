select cursor, watermark, completed_at from read_state
where org_id = %(org_id)s and app_id = %(app_id)s and kind = %(kind)s and tenant_key = %(tenant_key)s
