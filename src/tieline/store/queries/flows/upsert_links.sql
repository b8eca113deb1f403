-- Links that close come before links that open, since a contact has one open link at a time.
insert into link (org_id, tenant_key, external_id, contact_id, status, merged_into, pinned, phones, raw_phone,
                  created_ms, stamp_ms, read_ms, confirmed_write_at, state, needs_read, dirty_at, push_attempts,
                  push_blocked)
select %(org_id)s, %(tenant_key)s, r.external_id, r.contact_id, r.status, r.merged_into, r.pinned,
       array(select jsonb_array_elements_text(r.phones)), r.raw_phone, r.created_ms, r.stamp_ms, r.read_ms,
       case when r.confirmed_write_ms > 0 then to_timestamp(r.confirmed_write_ms / 1000.0) end, r.state, r.needs_read,
       case when r.dirty then now() end, r.push_attempts, r.blocked
from jsonb_to_recordset(%(rows)s) as r(
    external_id text, contact_id text, status text, merged_into text, pinned boolean, phones jsonb, raw_phone text,
    created_ms bigint, stamp_ms bigint, read_ms bigint, confirmed_write_ms bigint, state jsonb, needs_read boolean,
    dirty boolean, push_attempts integer, blocked jsonb)
order by r.status = 'open', r.external_id
on conflict (org_id, tenant_key, external_id) do update
set contact_id = excluded.contact_id, status = excluded.status, merged_into = excluded.merged_into,
    pinned = excluded.pinned, phones = excluded.phones, raw_phone = excluded.raw_phone,
    created_ms = excluded.created_ms, stamp_ms = excluded.stamp_ms, read_ms = excluded.read_ms,
    confirmed_write_at = excluded.confirmed_write_at, state = excluded.state, needs_read = excluded.needs_read,
    dirty_at = case when excluded.dirty_at is null then null else coalesce(link.dirty_at, excluded.dirty_at) end,
    push_attempts = excluded.push_attempts, push_blocked = excluded.push_blocked, version = link.version + 1
