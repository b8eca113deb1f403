-- The read that was stopped, again; nothing if one is in flight.
insert into run (org_id, run_id, app_id, kind, full_read, status, triggered_by)
values (%(org_id)s, %(run_id)s, %(app_id)s, %(kind)s, %(full_read)s, 'queued', 'manual')
on conflict do nothing
