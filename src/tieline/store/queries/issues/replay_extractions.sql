update extraction e set due_at = now(), attempts = 0, revision = e.revision + 1
from issue i
where i.org_id = %(org_id)s and i.issue_id = any(%(issue_ids)s) and i.closed_at is null
    and i.kind = 'extraction_failed' and e.org_id = i.org_id
    and i.cause = 'extraction:' || e.platform || ':' || e.conversation_id
