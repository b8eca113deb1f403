-- The row stays, so that the token goes on growing.
update lease set expires_at = clock_timestamp()
where org_id = %(org_id)s and app_id = %(app_id)s and lane = %(lane)s and token = %(token)s
