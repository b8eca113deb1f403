-- One request more: counted before it leaves, so that workers who ask at once see each other.
with counted as (
    insert into quota as q (org_id, app_id, sent)
    values (%(org_id)s, %(app_id)s, 1)
    on conflict (org_id, app_id) do update set sent = q.sent + 1
    returning *
), used as (
    insert into quota_use as u (org_id, app_id, slot, lane, requests)
    values (%(org_id)s, %(app_id)s, date_bin('15 minutes', clock_timestamp(), 'epoch'), %(lane)s, 1)
    on conflict (org_id, app_id, slot, lane) do update set requests = u.requests + 1
)
select *, clock_timestamp() as now from counted
