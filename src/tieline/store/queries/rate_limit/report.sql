insert into rate_limit (org_id, app_id, bucket, tat, allowed, used, window_s)
values (%(org_id)s, %(app_id)s, %(bucket)s, clock_timestamp(), %(allowed)s, %(used)s, %(window_s)s)
on conflict (org_id, app_id, bucket) do update
set allowed = excluded.allowed, used = excluded.used, window_s = excluded.window_s
