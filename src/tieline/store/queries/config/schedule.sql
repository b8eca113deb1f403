-- The linked app is due at once; one that is not linked any more never is.
update app set next_sync_at = case when app_id = %(app_id)s then %(now)s end
where org_id = %(org_id)s and app_id = any (%(app_ids)s)
