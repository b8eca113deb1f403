-- The first identity is kept; a later one of the same tenant brings its user and time zone up to date.
update app
set tenant_id = coalesce(tenant_id, %(tenant_id)s),
    own_user_id = case when coalesce(tenant_id, %(tenant_id)s) = %(tenant_id)s then coalesce(%(user_id)s, own_user_id)
                       else own_user_id end,
    time_zone = case when coalesce(tenant_id, %(tenant_id)s) = %(tenant_id)s then coalesce(%(zone)s, time_zone)
                     else time_zone end
where org_id = %(org_id)s and app_id = %(app_id)s and deleted_at is null
returning tenant_id
