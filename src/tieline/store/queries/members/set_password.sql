update member set password_hash = %(password_hash)s, failed_attempts = 0, locked_until = null
where org_id = %(org_id)s and member_id = %(member_id)s and deleted_at is null
returning member_id
