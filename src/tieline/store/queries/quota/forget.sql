delete from quota_use
where org_id = %(org_id)s and app_id = %(app_id)s and slot < clock_timestamp() - interval '2 days'
