select * from run
where org_id = %(org_id)s and kind = 'backfill' and status in ('queued', 'running')
    and (not_before is null or not_before <= clock_timestamp())
