select * from run
where org_id = %(org_id)s and app_id = %(app_id)s and kind in ('audit', 'calculated') and status in ('queued', 'running')
