-- One bucket: the next links in the order of their ids. Set-based, however many there are in all.
with bucket as (
    select external_id, status, read_ms, needs_read
    from link
    where org_id = %(org_id)s and tenant_key = %(tenant_key)s and external_id > %(after)s
    order by external_id
    limit %(size)s
), noted as (
    insert into audit_record (org_id, run_id, external_id, finding, why)
    select %(org_id)s, %(run_id)s, b.external_id, 'missing_there', %(why)s
    from bucket b
    where b.status = 'open' and b.read_ms < %(started_ms)s
    on conflict (org_id, run_id, external_id) do nothing
)
select max(external_id) as last from bucket
