-- Everything that has work which may be done now: what a lost wake-up would have announced.
with ready as (
    select a.org_id, a.app_id, a.provider || ':' || a.tenant_id as tenant_key,
           a.crm_config -> 'sync_new_contacts' = 'true' as creates
    from app a
    join crm_config c on c.org_id = a.org_id and c.app_id = a.app_id
    where a.deleted_at is null and a.connection_status = 'connected' and a.mappings_checked and a.stopped_reason is null
)
select 'analysis' as kind, org_id, '' as app_id
from conversation
where due_at <= clock_timestamp() and (claim_until is null or claim_until <= clock_timestamp())
group by org_id
union all
select 'extraction', org_id, ''
from extraction
where due_at <= clock_timestamp() and (claim_until is null or claim_until <= clock_timestamp())
group by org_id
union all
select 'push', org_id, app_id
from ready r
where exists (
    select from link l
    where l.org_id = r.org_id and l.tenant_key = r.tenant_key and l.dirty_at is not null
        and (l.push_not_before is null or l.push_not_before <= clock_timestamp())
)
union all
select 'activity', org_id, app_id
from ready r
where exists (
    select from activity t
    where t.org_id = r.org_id and t.tenant_key = r.tenant_key and t.due_at <= clock_timestamp()
)
or r.creates and exists (
    select from record_creation c
    where c.org_id = r.org_id and c.tenant_key = r.tenant_key and c.status <> 'done' and c.due_at <= clock_timestamp()
)
union all
select case when n.kind in ('inbound', 'backfill') then n.kind else 'audit' end, n.org_id, coalesce(n.app_id, '')
from run n
where n.kind in ('inbound', 'audit', 'calculated', 'backfill') and n.status in ('queued', 'running')
    and (n.not_before is null or n.not_before <= clock_timestamp())
    and not exists (
        select from lease s
        where s.org_id = n.org_id and s.app_id = coalesce(n.app_id, '') and s.expires_at > clock_timestamp()
            and s.lane = case when n.full_read or n.kind = 'backfill' then 'backfill' else 'recurring' end
    )
