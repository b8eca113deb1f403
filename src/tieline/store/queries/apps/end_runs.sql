update run set status = 'failed', reason = %(reason)s, finished_at = clock_timestamp(), not_before = null
where org_id = %(org_id)s and app_id = %(app_id)s and status in ('queued', 'running')
