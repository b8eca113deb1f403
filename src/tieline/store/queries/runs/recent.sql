select * from run
where org_id = %(org_id)s and (%(app_id)s::text is null or app_id = %(app_id)s)
order by created_at desc, run_id desc
limit %(limit)s
