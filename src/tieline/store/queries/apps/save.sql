insert into app (org_id, app_id, type, provider, name, tenant_url, tenant_sub_id, auth_type, auth_ciphertext,
                 connection_status, status_reason, tenant_id, own_user_id, time_zone, crm_config, schema, schema_at,
                 mappings_checked, sync_interval_s, next_sync_at, stopped_reason)
values (%(org_id)s, %(app_id)s, %(type)s, %(provider)s, %(name)s, %(tenant_url)s, %(tenant_sub_id)s, %(auth_type)s,
        %(auth_ciphertext)s, %(connection_status)s, %(status_reason)s, %(tenant_id)s, %(own_user_id)s, %(time_zone)s,
        %(crm_config)s, %(schema)s, %(schema_at)s, %(mappings_checked)s, %(sync_interval_s)s, %(next_sync_at)s,
        %(stopped_reason)s)
on conflict (org_id, app_id) do update
set name = excluded.name, tenant_url = excluded.tenant_url, tenant_sub_id = excluded.tenant_sub_id,
    auth_type = case when %(new_auth)s then excluded.auth_type else app.auth_type end,
    auth_ciphertext = case when %(new_auth)s then excluded.auth_ciphertext else app.auth_ciphertext end,
    token_ciphertext = case when %(new_auth)s or app.tenant_url is distinct from excluded.tenant_url then null
                            else app.token_ciphertext end,
    connection_status = excluded.connection_status, status_reason = excluded.status_reason,
    tenant_id = excluded.tenant_id, own_user_id = excluded.own_user_id, time_zone = excluded.time_zone,
    crm_config = excluded.crm_config, schema = excluded.schema, schema_at = excluded.schema_at,
    mappings_checked = excluded.mappings_checked, sync_interval_s = excluded.sync_interval_s,
    next_sync_at = excluded.next_sync_at, stopped_reason = excluded.stopped_reason,
    updated_at = case when %(by_person)s then now() else app.updated_at end
