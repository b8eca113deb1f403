insert into conversation (
    org_id, platform, conversation_id, type, status, direction, has_number, from_number, to_number, contact_id, agent_id,
    agent_version, started_at, ended_at, duration_ms, disconnection_reason, sentiment, successful, summary, transcript,
    analysis, analysis_version, metadata, raw, due_at, created_at, updated_at
)
values (
    %(org_id)s, %(platform)s, %(conversation_id)s, %(type)s, %(status)s, %(direction)s, %(has_number)s, %(from_number)s,
    %(to_number)s, %(contact_id)s, %(agent_id)s, %(agent_version)s, %(started_at)s, %(ended_at)s, %(duration_ms)s,
    %(disconnection_reason)s, %(sentiment)s, %(successful)s, %(summary)s, %(transcript)s, %(analysis)s,
    %(analysis_version)s, %(metadata)s, %(raw)s, %(due_at)s, %(now)s, clock_timestamp()
)
