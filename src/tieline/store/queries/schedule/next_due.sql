-- Seconds until the earliest work of a kind that is put off; null if there is none.
select extract(epoch from min(at) - clock_timestamp())::double precision as seconds
from (
    select greatest(due_at, claim_until) as at
    from conversation
    where %(kind)s = 'analysis' and org_id = %(org_id)s and due_at is not null
    union all
    select greatest(due_at, claim_until)
    from extraction
    where %(kind)s = 'extraction' and org_id = %(org_id)s and due_at is not null
    union all
    select push_not_before
    from link
    where %(kind)s = 'push' and org_id = %(org_id)s and tenant_key = %(tenant_key)s and dirty_at is not null
        and push_not_before is not null
    union all
    select due_at
    from activity
    where %(kind)s = 'activity' and org_id = %(org_id)s and tenant_key = %(tenant_key)s and due_at is not null
    union all
    select due_at
    from record_creation
    where %(kind)s = 'activity' and org_id = %(org_id)s and tenant_key = %(tenant_key)s and status <> 'done'
) put_off
where at > clock_timestamp()
