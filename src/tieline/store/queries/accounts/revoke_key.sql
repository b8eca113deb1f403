update api_key set revoked_at = %(now)s
where org_id = %(org_id)s and key_id = %(key_id)s and revoked_at is null
returning key_id
