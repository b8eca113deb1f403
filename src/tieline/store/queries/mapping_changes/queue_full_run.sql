insert into run (org_id, run_id, app_id, kind, full_read, status, triggered_by)
values (%(org_id)s, %(run_id)s, %(app_id)s, 'inbound', true, 'queued', 'cron')
