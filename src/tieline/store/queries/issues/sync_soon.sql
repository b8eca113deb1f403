update app set next_sync_at = least(next_sync_at, now())
where org_id = %(org_id)s and app_id = %(app_id)s and deleted_at is null
