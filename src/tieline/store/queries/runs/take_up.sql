-- The attempt is counted before the work begins: work that kills its worker must not be taken up for ever.
update run
set status = 'running', attempts = attempts + 1, started_at = coalesce(started_at, clock_timestamp()),
    not_before = null, reason = null
where org_id = %(org_id)s and run_id = %(run_id)s and status in ('queued', 'running')
returning *
