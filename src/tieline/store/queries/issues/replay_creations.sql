update record_creation r
set status = 'due', due_at = now(), attempts = 0
from issue i
where i.org_id = %(org_id)s and i.issue_id = any(%(issue_ids)s) and i.closed_at is null
    and i.kind = 'record_not_created' and r.org_id = i.org_id and r.status = 'blocked'
    and i.cause = 'create:' || r.tenant_key || ':' || r.contact_id
