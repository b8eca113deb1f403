update app set tenant_id = %(tenant_id)s, own_user_id = coalesce(%(user_id)s, own_user_id),
               time_zone = coalesce(%(zone)s, time_zone)
where org_id = %(org_id)s and app_id = %(app_id)s
