c.org_id = %(org_id)s and c.contact_id is not null and c.status in ('ended', 'analyzed', 'error', 'not_connected')
    and (%(agents)s::jsonb = '[]' or exists (
        select from jsonb_array_elements(%(agents)s::jsonb) a
        where a ->> 'agent_id' = c.agent_id and (a -> 'version' = '[]' or a -> 'version' ? c.agent_version)
    ))
    and (%(since_ms)s::bigint is null
        or coalesce(c.started_at, c.created_at) >= to_timestamp(%(since_ms)s::bigint / 1000.0))
    and (%(until_ms)s::bigint is null
        or coalesce(c.started_at, c.created_at) < to_timestamp((%(until_ms)s::bigint + 1) / 1000.0))
    and (%(not_ms)s::bigint is null
        or floor(extract(epoch from coalesce(c.started_at, c.created_at)) * 1000) <> %(not_ms)s::bigint)
