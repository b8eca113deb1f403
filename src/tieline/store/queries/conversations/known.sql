-- What the platform told: an analysis of our own is not part of it.
select platform, conversation_id, type, status, direction, has_number, from_number, to_number, contact_id, agent_id,
    agent_version, started_at, ended_at, duration_ms, disconnection_reason, sentiment, successful, summary, transcript,
    case when analysis_origin is null then analysis else analysis_origin -> 'platform_analysis' end as analysis,
    case when analysis_origin is null then analysis_version else analysis_origin ->> 'platform_version' end
        as analysis_version,
    metadata
from conversation
where org_id = %(org_id)s and platform = %(platform)s and conversation_id = %(conversation_id)s
for update
