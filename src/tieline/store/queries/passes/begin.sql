-- A pass that found something to do. One that its worker left in the middle is over: in a lane only one works at a time, and
-- analyses are claimed for a minute.
with abandoned as (
    update run
    set status = 'failed', finished_at = clock_timestamp(),
        reason = 'Its worker ended in the middle; a later run went on with what was left.'
    where org_id = %(org_id)s and app_id is not distinct from %(app_id)s and kind = %(kind)s and status = 'running'
        and run_id <> %(run_id)s
        and (kind <> 'analysis' or started_at < clock_timestamp() - interval '10 minutes')
)
insert into run (org_id, run_id, app_id, kind, status, triggered_by, attempts, started_at)
values (%(org_id)s, %(run_id)s, %(app_id)s, %(kind)s, 'running', 'event', 1, clock_timestamp())
on conflict (org_id, run_id) do nothing
