insert into api_key (org_id, key_id, name, key_hash, created_at)
values (%(org_id)s, %(key_id)s, %(name)s, %(key_hash)s, %(now)s)
returning org_id, key_id, name, created_at, revoked_at
