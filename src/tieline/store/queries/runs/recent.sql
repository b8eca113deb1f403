select * from run
where org_id = %(org_id)s and (%(app_id)s::text is null or app_id = %(app_id)s)
    and (%(kinds)s::text[] is null or kind = any(%(kinds)s))
    and (%(before)s::text is null
        or (created_at, run_id) < (select created_at, run_id from run where org_id = %(org_id)s and run_id = %(before)s))
order by created_at desc, run_id desc
limit %(limit)s
