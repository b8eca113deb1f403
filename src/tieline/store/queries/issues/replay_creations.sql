update record_creation c
set status = 'due', due_at = now(), attempts = 0
from issue i
where i.org_id = %(org_id)s and i.issue_id = %(issue_id)s and i.closed_at is null
    and i.cause = 'create:' || c.tenant_key || ':' || c.contact_id
    and c.org_id = i.org_id and c.status = 'blocked'
