with tenant as (
    select a.provider || ':' || a.tenant_id as tenant_key
    from app a
    left join crm_config k on k.org_id = a.org_id
    where a.org_id = %(org_id)s and a.tenant_id is not null and (k.app_id is null or k.app_id = a.app_id)
    order by a.deleted_at desc nulls first, a.updated_at desc
    limit 1
)
select count(*) as total
from contact c
left join link l on l.org_id = c.org_id and l.tenant_key = (select tenant_key from tenant)
    and l.contact_id = c.contact_id and l.status = 'open'
where c.org_id = %(org_id)s and c.merged_into is null and c.deleted_at is null and {condition}
