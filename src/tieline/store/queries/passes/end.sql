update run
set status = %(status)s, reason = %(reason)s, counts = %(counts)s, errors = %(errors)s, engine = %(engine)s,
    requests_sent = %(requests)s, finished_at = clock_timestamp()
where org_id = %(org_id)s and run_id = %(run_id)s and status = 'running'
