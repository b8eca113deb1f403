select effects, coalesce((counts ->> 'read')::bigint, 0) as read from run
where org_id = %(org_id)s and run_id = %(run_id)s
