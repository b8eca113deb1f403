-- A lease that ran out and that nobody took is good again: the token, not the time, is the fence.
update lease set expires_at = clock_timestamp() + %(duration)s
where org_id = %(org_id)s and app_id = %(app_id)s and lane = %(lane)s and token = %(token)s
returning token
