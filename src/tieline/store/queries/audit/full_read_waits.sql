select exists (
    select from run
    where org_id = %(org_id)s and app_id = %(app_id)s and kind = 'inbound' and full_read and status in ('queued', 'running')
) as waits
