select * from dry_run
where org_id = %(org_id)s and (%(app_id)s::text is null or app_id = %(app_id)s)
order by created_at desc, dry_run_id desc limit %(limit)s
