-- The lane, if it is free or its holder's time is over. FOR UPDATE, and not the weaker lock that an update takes by itself,
-- because it must wait for transactions that hold the fence (check.sql). A lane never held before has no row to lock; then
-- the insert decides, and whoever comes second updates nothing.
with free as (
    select 1 from lease
    where org_id = %(org_id)s and app_id = %(app_id)s and lane = %(lane)s and expires_at <= clock_timestamp()
    for update
), taken as (
    update lease
    set owner = %(owner)s, token = token + 1, expires_at = clock_timestamp() + %(duration)s
    where org_id = %(org_id)s and app_id = %(app_id)s and lane = %(lane)s and exists (select from free)
    returning token
), first as (
    insert into lease (org_id, app_id, lane, owner, token, expires_at)
    select %(org_id)s, %(app_id)s, %(lane)s, %(owner)s, 1, clock_timestamp() + %(duration)s
    where not exists (select from taken)
    on conflict do nothing
    returning token
)
select token from taken
union all
select token from first
