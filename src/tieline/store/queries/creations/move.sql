-- The contact was merged into another: what may have been sent for it is the other's to look for.
with gone as (
    delete from record_creation
    where org_id = %(org_id)s and tenant_key = %(tenant_key)s and contact_id = %(contact_id)s
    returning *
)
insert into record_creation as kept (org_id, tenant_key, contact_id, status, intent_at, intent, due_at)
select org_id, tenant_key, %(survivor_id)s, 'due', intent_at, intent, %(now)s from gone
on conflict (org_id, tenant_key, contact_id) do update
set status = 'due', due_at = excluded.due_at,
    intent_at = greatest(kept.intent_at, excluded.intent_at), intent = coalesce(kept.intent, excluded.intent)
