select l.tenant_key, l.external_id, l.contact_id, l.status, l.merged_into, l.pinned, l.phones, l.raw_phone, l.created_ms,
       l.stamp_ms, l.read_ms, (extract(epoch from l.confirmed_write_at) * 1000)::bigint as confirmed_write_ms, l.state,
       l.needs_read, l.dirty_at is not null as dirty, l.push_attempts, l.push_blocked, l.version
from link l
where l.org_id = %(org_id)s and l.contact_id = %(contact_id)s and l.status = 'open'
order by l.tenant_key
