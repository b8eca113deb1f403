update web_session set seen_at = %(now)s where token_hash = %(token_hash)s
