update conversation c set claim_token = %(token)s, claim_until = %(until)s, attempts = c.attempts + 1
from (
    select org_id, platform, conversation_id from conversation
    where org_id = %(org_id)s and due_at <= %(now)s and (claim_until is null or claim_until <= %(now)s)
    order by coalesce(ended_at, started_at, created_at), platform, conversation_id
    limit %(limit)s
    for update skip locked
) due
where c.org_id = due.org_id and c.platform = due.platform and c.conversation_id = due.conversation_id
returning c.*
