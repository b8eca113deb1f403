-- An answer to an earlier request that comes later knows less. Only a count below the limit takes a refusal back.
insert into quota as q (org_id, app_id, sent, allowed, used, told_at, told_after)
values (%(org_id)s, %(app_id)s, %(sent)s, %(allowed)s, %(used)s, clock_timestamp(), %(sent)s)
on conflict (org_id, app_id) do update
set allowed = excluded.allowed, used = excluded.used, told_at = excluded.told_at, told_after = excluded.told_after,
    refused_at = case when excluded.used >= excluded.allowed then q.refused_at end
where q.told_after is null or q.told_after <= excluded.told_after
returning *, clock_timestamp() as now
