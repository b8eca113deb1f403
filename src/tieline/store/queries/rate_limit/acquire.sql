-- One request's turn by the generic cell rate algorithm, or how many seconds to wait before asking again. The conflicting
-- row is locked and looked at as it is now, so workers that ask at once are granted one after another. The wait is read from
-- the statement's snapshot: it may be too short when another was granted meanwhile, and then the next answer is another wait.
with granted as (
    insert into rate_limit as r (org_id, app_id, bucket, tat)
    values (%(org_id)s, %(app_id)s, %(bucket)s, clock_timestamp() + %(interval)s)
    on conflict (org_id, app_id, bucket) do update
    set tat = greatest(r.tat, clock_timestamp()) + %(interval)s
    where r.tat <= clock_timestamp() + %(tolerance)s
        and (r.paused_until is null or r.paused_until <= clock_timestamp())
    returning 1
)
select case
    when exists (select from granted) then 0
    else greatest(
        0.001,
        (select extract(epoch from greatest(tat - %(tolerance)s, paused_until) - clock_timestamp())
         from rate_limit
         where org_id = %(org_id)s and app_id = %(app_id)s and bucket = %(bucket)s)
    )
end::double precision as wait_s
