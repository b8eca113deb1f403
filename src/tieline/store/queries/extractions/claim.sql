update extraction e set claim_token = %(token)s, claim_until = %(until)s, attempts = e.attempts + 1
from (
    select org_id, platform, conversation_id from extraction
    where org_id = %(org_id)s and due_at <= %(now)s and (claim_until is null or claim_until <= %(now)s)
    order by due_at, platform, conversation_id
    limit %(limit)s
    for update skip locked
) due, conversation c
where e.org_id = due.org_id and e.platform = due.platform and e.conversation_id = due.conversation_id
    and c.org_id = e.org_id and c.platform = e.platform and c.conversation_id = e.conversation_id
returning c.*, e.rerun, e.revision as extraction_revision, e.attempts as extraction_attempts
