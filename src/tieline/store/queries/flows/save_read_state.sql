insert into read_state (org_id, app_id, kind, tenant_key, cursor, watermark, completed_at)
values (%(org_id)s, %(app_id)s, %(kind)s, %(tenant_key)s, %(cursor)s, %(watermark)s, %(completed_at)s)
on conflict (org_id, app_id, kind) do update
set tenant_key = excluded.tenant_key, cursor = excluded.cursor, watermark = excluded.watermark,
    completed_at = excluded.completed_at
