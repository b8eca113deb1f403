insert into web_session (org_id, session_id, member_id, token_hash, created_at, seen_at, expires_at)
values (%(org_id)s, %(session_id)s, %(member_id)s, %(token_hash)s, %(now)s, %(now)s, %(expires_at)s)
