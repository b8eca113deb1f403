insert into activity (org_id, platform, conversation_id, tenant_key, contact_id, external_id, status, wanted_hash, due_at)
values (%(org_id)s, %(platform)s, %(conversation_id)s, %(tenant_key)s, %(contact_id)s, %(external_id)s, 'due',
        %(wanted_hash)s, %(due_at)s)
on conflict (org_id, tenant_key, platform, conversation_id) do update
set wanted_hash = excluded.wanted_hash,
    status = case when activity.written_hash = excluded.wanted_hash then activity.status else 'due' end,
    due_at = case when activity.written_hash = excluded.wanted_hash then activity.due_at
                  else coalesce(activity.due_at, excluded.due_at) end
