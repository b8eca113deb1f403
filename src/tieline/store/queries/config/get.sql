select o.org_id, k.app_id, coalesce(k.contact_columns_order, '[]') as contact_columns_order,
    coalesce(k.contact_tags, '[]') as contact_tags, k.contact_memory_update_prompt, k.last_sync_at,
    coalesce(k.contact_memory_enabled, false) as contact_memory_enabled,
    (
        select coalesce(jsonb_agg(to_jsonb(f) order by f.position, f.name), '[]')
        from (
            select field_id, name, type, label, description, options, position
            from custom_field where org_id = %(org_id)s and deleted_at is null
        ) f
    ) as custom_fields,
    (
        select coalesce(jsonb_agg(to_jsonb(m) order by m.position, m.analysis_data_name, m.field_name), '[]')
        from (
            select analysis_data_name, field_name, update_mode, options, position
            from analysis_mapping where org_id = %(org_id)s
        ) m
    ) as analysis_mappings,
    (
        select jsonb_build_object(
            'default_country', a.crm_config ->> 'default_country', 'time_zone', coalesce(a.crm_config ->> 'time_zone', a.time_zone))
        from app a where a.org_id = k.org_id and a.app_id = k.app_id and a.deleted_at is null
    ) as linked_app
from organisation o
left join crm_config k on k.org_id = o.org_id
where o.org_id = %(org_id)s
