-- A run that waits to be taken up, or nothing if one of this app is in flight. Without a first read it is a full one.
insert into run (org_id, run_id, app_id, kind, full_read, status, triggered_by)
select a.org_id, %(run_id)s, a.app_id, 'inbound',
    %(full_read)s or not exists (
        select from read_state r
        where r.org_id = a.org_id and r.app_id = a.app_id and r.kind = 'full' and r.completed_at is not null
    ),
    'queued', %(triggered_by)s
from app a
where a.org_id = %(org_id)s and a.app_id = %(app_id)s and a.deleted_at is null
on conflict (org_id, app_id) where kind = 'inbound' and status in ('queued', 'running') do nothing
returning *
