-- Contacts with the id of their record in the linked app's CRM tenant (without a linked app: in the last one known).
with tenant as (
    select a.provider || ':' || a.tenant_id as tenant_key
    from app a
    left join crm_config k on k.org_id = a.org_id
    where a.org_id = %(org_id)s and a.tenant_id is not null and (k.app_id is null or k.app_id = a.app_id)
    order by a.deleted_at desc nulls first, a.updated_at desc
    limit 1
)
select c.org_id, c.contact_id, c.phone_number, c.first_name, c.last_name, c.do_not_call, c.custom_fields,
    c.contact_tag_ids, c.contact_memory, c.conversation_count, c.last_conversation_at, c.user_modified_at,
    c.created_at, l.external_id,
    case when c.contact_tag_ids = '[]' then '[]' else (
        select coalesce(jsonb_agg(t.tag order by t.place), '[]')
        from crm_config k, jsonb_array_elements(k.contact_tags) with ordinality as t (tag, place)
        where k.org_id = c.org_id and c.contact_tag_ids ? (t.tag ->> 'id')
    ) end as contact_tags
from contact c
left join link l on l.org_id = c.org_id and l.tenant_key = (select tenant_key from tenant)
    and l.contact_id = c.contact_id and l.status = 'open'
where c.org_id = %(org_id)s and c.merged_into is null and c.deleted_at is null and {condition}
{tail}
