-- A pause is never shortened: another worker may know of a longer one.
insert into rate_limit as r (org_id, app_id, bucket, tat, paused_until)
values (%(org_id)s, %(app_id)s, %(bucket)s, clock_timestamp(), clock_timestamp() + %(duration)s)
on conflict (org_id, app_id, bucket) do update set paused_until = greatest(r.paused_until, excluded.paused_until)
