select org_id, member_id, email, name, role, created_at, password_hash, locked_until from member
where lower(email) = lower(%(email)s) and deleted_at is null
