-- Conversations that could not be applied, and those of whose analysis a value did not fit: the value is looked at anew,
-- as if it were a later version of the analysis. A new `updated_at` makes it due again also for a worker that is at it.
with wanted as (
    select c.org_id, c.platform, c.conversation_id
    from issue i
    join conversation c on c.org_id = i.org_id
        and 'conversation:' || c.platform || ':' || c.conversation_id = i.cause
    where i.org_id = %(org_id)s and i.issue_id = any(%(issue_ids)s) and i.closed_at is null
        and i.kind = 'conversation_failed'
    union
    select a.org_id, a.platform, a.conversation_id
    from issue i
    join analysis_application a on a.org_id = i.org_id
        and concat_ws(':', 'analysis', a.platform, a.conversation_id, a.analysis_data_name, a.field_name) = i.cause
    where i.org_id = %(org_id)s and i.issue_id = any(%(issue_ids)s) and i.closed_at is null
        and i.kind = 'analysis_value'
), doubted as (
    update analysis_application a set analysis_version = ''
    from issue i
    where i.org_id = %(org_id)s and i.issue_id = any(%(issue_ids)s) and i.closed_at is null
        and i.kind = 'analysis_value' and a.org_id = i.org_id
        and concat_ws(':', 'analysis', a.platform, a.conversation_id, a.analysis_data_name, a.field_name) = i.cause
)
update conversation c set due_at = now(), attempts = 0, updated_at = clock_timestamp()
from wanted w
where c.org_id = w.org_id and c.platform = w.platform and c.conversation_id = w.conversation_id
