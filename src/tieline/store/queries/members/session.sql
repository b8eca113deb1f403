select m.org_id, m.member_id, m.email, m.name, m.role, m.created_at, s.seen_at
from web_session s join member m on m.org_id = s.org_id and m.member_id = s.member_id and m.deleted_at is null
where s.token_hash = %(token_hash)s and s.expires_at > %(now)s and s.seen_at > %(idle_since)s
