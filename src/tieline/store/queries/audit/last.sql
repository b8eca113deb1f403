select * from run
where org_id = %(org_id)s and app_id = %(app_id)s and kind = 'audit'
order by created_at desc limit 1
