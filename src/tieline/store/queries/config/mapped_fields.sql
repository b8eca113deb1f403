-- Which contact fields the mappings of which app name.
select a.app_id, a.name as app_name, a.provider, m.direction, m.mapping ->> 'field_name' as field_name
from app a
cross join lateral (
    select 'inbound' as direction, jsonb_array_elements(coalesce(a.crm_config -> 'inbound_sync_mappings', '[]'))
    union all
    select 'outbound', jsonb_array_elements(coalesce(a.crm_config -> 'outbound_sync_mappings', '[]'))
) m (direction, mapping)
where a.org_id = %(org_id)s and a.deleted_at is null
