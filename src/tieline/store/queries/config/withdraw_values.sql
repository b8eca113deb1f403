-- A removed field takes its values along; the ledger keeps what they were.
with gone as (
    select c.contact_id, f.name, f.field_id, c.custom_fields -> f.name as value
    from contact c
    join custom_field f on f.org_id = c.org_id and f.deleted_at is null and f.name = any (%(names)s)
    where c.org_id = %(org_id)s and c.custom_fields ?| %(names)s and c.custom_fields ? f.name
    for update of c
), cleared as (
    update contact c
    set custom_fields = c.custom_fields - %(names)s::text[], sources = c.sources - %(names)s::text[],
        version = c.version + 1
    where c.org_id = %(org_id)s and c.contact_id in (select contact_id from gone)
)
insert into ledger (
    org_id, contact_id, field_name, field_id, outcome, old_value, new_value, source_kind, source_ref, effective_ms,
    reason, recorded_at
)
select %(org_id)s, contact_id, name, field_id, 'withdrawn', value, null::jsonb, 'rule', '', %(now_ms)s,
    'the field was removed', %(now)s
from gone
