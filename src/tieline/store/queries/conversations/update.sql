-- updated_at is the row's revision: the analysis flow sees by it that there is news since it began.
update conversation
set status = %(status)s, direction = %(direction)s, has_number = %(has_number)s, from_number = %(from_number)s,
    to_number = %(to_number)s, contact_id = coalesce(contact_id, %(contact_id)s), agent_id = %(agent_id)s,
    agent_version = %(agent_version)s, started_at = %(started_at)s, ended_at = %(ended_at)s,
    duration_ms = %(duration_ms)s, disconnection_reason = %(disconnection_reason)s, sentiment = %(sentiment)s,
    successful = %(successful)s, summary = %(summary)s, transcript = %(transcript)s, analysis = %(analysis)s,
    analysis_version = %(analysis_version)s, metadata = %(metadata)s,
    raw = coalesce(raw, '{}') || coalesce(%(raw)s, '{}'), due_at = coalesce(%(due_at)s, due_at),
    attempts = case when %(due_at)s::timestamptz is null then attempts else 0 end, updated_at = clock_timestamp()
where org_id = %(org_id)s and platform = %(platform)s and conversation_id = %(conversation_id)s
