update member set failed_attempts = 0, locked_until = null
where org_id = %(org_id)s and member_id = %(member_id)s and failed_attempts > 0
