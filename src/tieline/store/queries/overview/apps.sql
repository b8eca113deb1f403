-- Each app with its last successful sync, the run in flight and its open issues.
select a.app_id, a.name, a.provider, a.connection_status, a.status_reason, a.stopped_reason, a.mappings_checked, a.next_sync_at,
       (select max(finished_at) from run r where r.org_id = a.org_id and r.app_id = a.app_id and r.kind = 'inbound'
            and r.status = 'succeeded') as synced_at,
       (select run_id from run r where r.org_id = a.org_id and r.app_id = a.app_id and r.kind = 'inbound'
            and r.status in ('queued', 'running') limit 1) as running,
       (select count(*) from issue i where i.org_id = a.org_id and i.app_id = a.app_id and i.closed_at is null) as issues,
       k.app_id is not null as linked
from app a
left join crm_config k on k.org_id = a.org_id and k.app_id = a.app_id
where a.org_id = %(org_id)s and a.deleted_at is null
order by (k.app_id is not null) desc, a.created_at
