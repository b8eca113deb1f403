select org_id, key_id, name, created_at, revoked_at from api_key where org_id = %(org_id)s order by created_at, key_id
