select external_id, contact_id, status, merged_into, pinned, phones, raw_phone, created_ms, stamp_ms, read_ms,
       (extract(epoch from confirmed_write_at) * 1000)::bigint as confirmed_write_ms,
       state, needs_read, dirty_at is not null as dirty, push_attempts, push_blocked, version
from link
where org_id = %(org_id)s and tenant_key = %(tenant_key)s and contact_id = %(contact_id)s
order by external_id
