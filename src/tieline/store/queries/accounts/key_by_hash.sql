select org_id, key_id, name, key_hash, created_at, revoked_at from api_key
where key_hash = %(key_hash)s and revoked_at is null
