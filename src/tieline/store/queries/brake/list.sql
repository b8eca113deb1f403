select * from brake
where org_id = %(org_id)s and (%(app_id)s::text is null or app_id = %(app_id)s)
  and (%(all)s or ended_at is null and not exists (
      select from app a where a.org_id = brake.org_id and a.app_id = brake.app_id and a.deleted_at is not null
  ))
order by stopped_at desc, brake_id
limit %(limit)s
