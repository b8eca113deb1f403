update run
set status = 'queued', not_before = clock_timestamp() + %(delay)s, reason = %(reason)s,
    attempts = greatest(0, attempts - case when %(counted)s then 0 else 1 end)
where org_id = %(org_id)s and run_id = %(run_id)s and status in ('queued', 'running')
returning *
