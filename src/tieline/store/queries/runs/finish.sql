with finished as (
    update run
    set status = %(status)s, reason = %(reason)s, finished_at = clock_timestamp(), not_before = null
    where org_id = %(org_id)s and run_id = %(run_id)s and status in ('queued', 'running')
    returning *
), synced as (
    update crm_config c set last_sync_at = clock_timestamp()
    from finished f
    where c.org_id = f.org_id and c.app_id = f.app_id and f.kind = 'inbound' and f.status = 'succeeded'
)
select * from finished
