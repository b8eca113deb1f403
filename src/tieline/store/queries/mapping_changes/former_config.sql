-- Which mappings the links of a tenant were last kept by, and whether a live, linked app still keeps them.
select a.crm_config, a.deleted_at is null and c.app_id is not null as keeps
from app a
left join crm_config c on c.org_id = a.org_id and c.app_id = a.app_id
where a.org_id = %(org_id)s and a.provider || ':' || a.tenant_id = %(tenant_key)s and a.app_id <> %(app_id)s
order by keeps desc, coalesce(a.deleted_at, a.updated_at) desc, a.app_id
limit 1
