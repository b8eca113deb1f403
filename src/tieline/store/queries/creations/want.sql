-- A contact that was given up on, or whose record is gone since, is looked at anew with each conversation.
insert into record_creation (org_id, tenant_key, contact_id, status, due_at)
values (%(org_id)s, %(tenant_key)s, %(contact_id)s, 'due', %(now)s)
on conflict (org_id, tenant_key, contact_id) do update
set status = 'due', due_at = coalesce(record_creation.due_at, excluded.due_at)
