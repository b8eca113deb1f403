-- The recurring runs that are due: each app's next time moves on, and a run is queued unless one is in flight. One worker's
-- statement skips what another's is at. A first or interrupted full read goes on as a full one.
with due as (
    select a.org_id, a.app_id
    from app a
    join crm_config c on c.org_id = a.org_id and c.app_id = a.app_id
    where a.deleted_at is null and a.next_sync_at <= clock_timestamp() and a.connection_status = 'connected'
        and a.mappings_checked and a.stopped_reason is null
    order by a.next_sync_at
    limit 200
    for update of a skip locked
), moved as (
    update app a set next_sync_at = clock_timestamp() + make_interval(secs => a.sync_interval_s)
    from due d
    where a.org_id = d.org_id and a.app_id = d.app_id
    returning a.org_id, a.app_id
)
insert into run (org_id, run_id, app_id, kind, full_read, status, triggered_by)
select m.org_id, 'run_' || left(replace(gen_random_uuid()::text, '-', ''), 24), m.app_id, 'inbound',
    not exists (
        select from read_state r
        where r.org_id = m.org_id and r.app_id = m.app_id and r.kind = 'full' and r.completed_at is not null
    ),
    'queued', 'cron'
from moved m
on conflict (org_id, app_id) where kind = 'inbound' and status in ('queued', 'running') do nothing
returning org_id, app_id
