-- The contact's records in each CRM tenant, with the app that reads it now.
select l.tenant_key, l.external_id, l.status, l.state, l.raw_phone, l.stamp_ms, l.confirmed_write_at, l.dirty_at, l.push_blocked,
       l.needs_read, a.app_id, a.name as app_name, a.provider, a.tenant_url, a.crm_config
from link l
left join lateral (
    select app_id, name, provider, tenant_url, crm_config from app
    where org_id = l.org_id and provider || ':' || tenant_id = l.tenant_key
    order by deleted_at desc nulls first, updated_at desc
    limit 1
) a on true
where l.org_id = %(org_id)s and l.contact_id = %(contact_id)s
order by (l.status = 'open') desc, l.tenant_key, l.external_id
