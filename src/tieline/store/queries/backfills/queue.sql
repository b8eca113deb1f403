-- A run that waits to be taken up, or nothing if one of this organisation is in flight.
with queued as (
    insert into run (org_id, run_id, kind, status, triggered_by)
    values (%(org_id)s, %(run_id)s, 'backfill', 'queued', 'manual')
    on conflict (org_id) where kind = 'backfill' and status in ('queued', 'running') do nothing
    returning *
), kept as (
    insert into backfill (org_id, run_id, request) select org_id, run_id, %(request)s from queued
)
select * from queued
