select platform, conversation_id, type, direction, started_at, created_at, duration_ms, disconnection_reason, sentiment,
    successful, summary
from conversation
where org_id = %(org_id)s and contact_id = %(contact_id)s
    and (
        %(after_at)s::timestamptz is null
        or (coalesce(started_at, created_at), platform, conversation_id)
            < (%(after_at)s, %(after_platform)s, %(after_id)s)
    )
order by coalesce(started_at, created_at) desc, platform desc, conversation_id desc
limit %(limit)s
