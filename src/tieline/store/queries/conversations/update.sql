-- updated_at is the row's revision: the analysis flow sees by it that there is news since it began. An analysis of our own
-- stays until the platform tells another one than it replaced.
update conversation
set status = %(status)s, direction = %(direction)s, has_number = %(has_number)s, from_number = %(from_number)s,
    to_number = %(to_number)s, contact_id = coalesce(contact_id, %(contact_id)s), agent_id = %(agent_id)s,
    agent_version = %(agent_version)s, started_at = %(started_at)s, ended_at = %(ended_at)s,
    duration_ms = %(duration_ms)s, disconnection_reason = %(disconnection_reason)s, sentiment = %(sentiment)s,
    successful = %(successful)s, summary = %(summary)s, transcript = %(transcript)s, 
    analysis = case when analysis_origin ->> 'platform_version' is not distinct from %(analysis_version)s
        and analysis_origin is not null then analysis else %(analysis)s end,
    analysis_version = case when analysis_origin ->> 'platform_version' is not distinct from %(analysis_version)s
        and analysis_origin is not null then analysis_version else %(analysis_version)s end,
    evidence = case when analysis_origin ->> 'platform_version' is not distinct from %(analysis_version)s
        then evidence end,
    analysis_origin = case when analysis_origin ->> 'platform_version' is not distinct from %(analysis_version)s
        then analysis_origin end,
    metadata = %(metadata)s,
    raw = coalesce(raw, '{}') || coalesce(%(raw)s, '{}'), due_at = coalesce(%(due_at)s, due_at),
    attempts = case when %(due_at)s::timestamptz is null then attempts else 0 end, updated_at = clock_timestamp()
where org_id = %(org_id)s and platform = %(platform)s and conversation_id = %(conversation_id)s
