-- Links before contacts, as everywhere.
select l.external_id, a.app_id, a.name, a.provider
from link l
left join crm_config k on k.org_id = l.org_id
left join app a on a.org_id = k.org_id and a.app_id = k.app_id and a.deleted_at is null
    and a.provider || ':' || a.tenant_id = l.tenant_key
where l.org_id = %(org_id)s and l.contact_id = %(contact_id)s and l.status = 'open'
order by l.tenant_key, l.external_id
for update of l
