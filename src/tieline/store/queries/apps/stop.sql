update app set stopped_reason = %(reason)s where org_id = %(org_id)s and app_id = %(app_id)s
