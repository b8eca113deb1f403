-- The read that was stopped, again. If one is in flight nothing is queued, but one that waits reads no less than this.
with widened as (
    update run set full_read = true
    where %(full_read)s and %(kind)s = 'inbound'
        and org_id = %(org_id)s and app_id = %(app_id)s and kind = 'inbound' and status = 'queued'
)
insert into run (org_id, run_id, app_id, kind, full_read, status, triggered_by)
values (%(org_id)s, %(run_id)s, %(app_id)s, %(kind)s, %(full_read)s, 'queued', 'manual')
on conflict do nothing
