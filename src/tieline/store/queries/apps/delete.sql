update app set deleted_at = now(), auth_ciphertext = null, token_ciphertext = null, next_sync_at = null
where org_id = %(org_id)s and app_id = %(app_id)s
