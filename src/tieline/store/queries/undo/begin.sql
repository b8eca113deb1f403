with opened as (
    insert into run (org_id, run_id, kind, status, triggered_by, attempts, started_at)
    values (%(org_id)s, %(run_id)s, 'undo', 'running', 'manual', 1, clock_timestamp())
)
insert into undo (org_id, run_id, request) values (%(org_id)s, %(run_id)s, %(request)s)
