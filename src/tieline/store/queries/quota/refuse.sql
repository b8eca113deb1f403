insert into quota as q (org_id, app_id, refused_at)
values (%(org_id)s, %(app_id)s, clock_timestamp())
on conflict (org_id, app_id) do update set refused_at = excluded.refused_at
returning *, clock_timestamp() as now
