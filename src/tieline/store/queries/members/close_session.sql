delete from web_session where token_hash = %(token_hash)s
