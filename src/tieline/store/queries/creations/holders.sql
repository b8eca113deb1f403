-- Living records that show a number: those that wait behind others or could not be used, and primaries of contacts that
-- have it as their own or as an alias. A number that could not be used may be usable by now, so it is found by its last
-- digits; the caller compares.
with found as (
    select external_id from link
    where org_id = %(org_id)s and tenant_key = %(tenant_key)s and status in ('shared', 'skipped')
      and phones && array[%(number)s]::text[]
    union
    select external_id from link
    where org_id = %(org_id)s and tenant_key = %(tenant_key)s and status = 'skipped'
      and right(regexp_replace(raw_phone, '[^0-9]', '', 'g'), 7) = %(tail)s
    union
    select l.external_id
    from (
        select contact_id from contact_alias where org_id = %(org_id)s and phone_number = %(number)s
        union
        select contact_id from contact
        where org_id = %(org_id)s and phone_number = %(number)s and merged_into is null and deleted_at is null
    ) c
    join link l on l.org_id = %(org_id)s and l.tenant_key = %(tenant_key)s and l.contact_id = c.contact_id
        and l.status in ('open', 'closed') and l.phones && array[%(number)s]::text[]
)
select external_id, contact_id, status, merged_into, pinned, phones, raw_phone, created_ms, stamp_ms, read_ms,
       (extract(epoch from confirmed_write_at) * 1000)::bigint as confirmed_write_ms,
       state, needs_read, dirty_at is not null as dirty, push_attempts, push_blocked, version
from link
where org_id = %(org_id)s and tenant_key = %(tenant_key)s and external_id in (select external_id from found)
order by external_id
