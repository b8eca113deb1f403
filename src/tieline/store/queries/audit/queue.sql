-- An audit that waits to be taken up, or nothing if one of this app is in flight. It reads everything, so it has the
-- backfill lane.
insert into run (org_id, run_id, app_id, kind, full_read, status, triggered_by)
select a.org_id, %(run_id)s, a.app_id, %(kind)s, true, 'queued', %(triggered_by)s
from app a
where a.org_id = %(org_id)s and a.app_id = %(app_id)s and a.deleted_at is null
on conflict (org_id, app_id) where kind in ('audit', 'calculated') and status in ('queued', 'running') do nothing
returning *
