-- One index look-up per key, whatever the planner believes of a table that an import is filling just now (offset 0
-- keeps it from turning the look-ups into a scan).
select l.external_id, l.contact_id, l.status, l.merged_into, l.pinned, l.phones, l.raw_phone, l.created_ms, l.stamp_ms,
       l.read_ms, (extract(epoch from l.confirmed_write_at) * 1000)::bigint as confirmed_write_ms, l.state,
       l.needs_read, l.dirty_at is not null as dirty, l.push_attempts, l.push_blocked, l.version
from unnest(%(contact_ids)s::text[]) as asked(contact_id)
cross join lateral (
    select * from link
    where org_id = %(org_id)s and tenant_key = %(tenant_key)s and link.contact_id = asked.contact_id
      and status in ('deleted', 'missing', 'closed', 'merged')
    offset 0
) l
order by l.external_id
