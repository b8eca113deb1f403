select * from brake where org_id = %(org_id)s and app_id = %(app_id)s and flow = %(flow)s and ended_at is null
for update
