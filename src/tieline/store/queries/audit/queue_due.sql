-- The audits that are due: the first one an interval after the first full read, then an interval after the last one began.
-- An audit compares calculated fields too, so it counts for both clocks; where both are due it goes ahead. A full sync reads
-- all that an audit would.
with ready as (
    select a.org_id, a.app_id, f.completed_at, a.crm_config, a.schema,
        coalesce((a.crm_config ->> 'audit_interval_hours')::numeric, %(audit_hours)s)::double precision as audit_hours,
        coalesce((a.crm_config ->> 'calculated_interval_hours')::numeric, %(calculated_hours)s)::double precision
            as calculated_hours
    from app a
    join crm_config c on c.org_id = a.org_id and c.app_id = a.app_id
    join read_state f on f.org_id = a.org_id and f.app_id = a.app_id and f.kind = 'full'
        and f.tenant_key = a.provider || ':' || a.tenant_id and f.completed_at is not null
    where a.deleted_at is null and a.connection_status = 'connected' and a.mappings_checked and a.stopped_reason is null
        and not exists (
            select from run n
            where n.org_id = a.org_id and n.app_id = a.app_id and n.kind in ('audit', 'calculated')
                and n.status in ('queued', 'running')
        )
        and not exists (
            select from run n
            where n.org_id = a.org_id and n.app_id = a.app_id and n.kind = 'inbound' and n.full_read
                and n.status in ('queued', 'running')
        )
), due as (
    select r.org_id, r.app_id,
        case
            when r.audit_hours > 0 and clock_timestamp() >= make_interval(secs => 3600 * r.audit_hours)
                + greatest(r.completed_at, (
                    select max(n.created_at) from run n
                    where n.org_id = r.org_id and n.app_id = r.app_id and n.kind = 'audit'))
            then 'audit'
            when r.calculated_hours > 0 and clock_timestamp() >= make_interval(secs => 3600 * r.calculated_hours)
                + greatest(r.completed_at, (
                    select max(n.created_at) from run n
                    where n.org_id = r.org_id and n.app_id = r.app_id and n.kind in ('audit', 'calculated')))
                and exists (
                    select from jsonb_array_elements(r.schema) f
                    join jsonb_array_elements(r.crm_config -> 'inbound_sync_mappings') m
                        on m ->> 'external_field_name' = f ->> 'name'
                    where (f ->> 'calculated')::boolean
                )
            then 'calculated'
        end as kind
    from ready r
)
insert into run (org_id, run_id, app_id, kind, full_read, status, triggered_by)
select d.org_id, 'run_' || left(replace(gen_random_uuid()::text, '-', ''), 24), d.app_id, d.kind, true, 'queued', 'cron'
from due d
where d.kind is not null
on conflict (org_id, app_id) where kind in ('audit', 'calculated') and status in ('queued', 'running') do nothing
