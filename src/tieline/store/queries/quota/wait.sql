update quota
set waiting_lanes = case
        when %(lane)s = any(waiting_lanes) then waiting_lanes else array_append(waiting_lanes, %(lane)s::text)
    end,
    waiting_since = coalesce(waiting_since, clock_timestamp()),
    noticed_at = clock_timestamp()
where org_id = %(org_id)s and app_id = %(app_id)s
returning *, clock_timestamp() as now
