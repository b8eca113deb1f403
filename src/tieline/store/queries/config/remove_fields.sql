update custom_field set deleted_at = %(now)s
where org_id = %(org_id)s and deleted_at is null and name = any (%(names)s)
