select org_id, secret_id, name, ciphertext, created_at from webhook_secret where org_id = %(org_id)s order by created_at, secret_id
