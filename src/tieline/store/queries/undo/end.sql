update run set status = 'succeeded', finished_at = clock_timestamp()
where org_id = %(org_id)s and run_id = %(run_id)s and status = 'running'
