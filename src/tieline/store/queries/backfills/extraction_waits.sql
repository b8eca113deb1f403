select exists (
    select from extraction e
    join conversation c using (org_id, platform, conversation_id)
    where {matching} and e.due_at is not null
) or exists (
    select from conversation c where {matching} and c.analysis_origin is not null and c.due_at is not null
) as waits
