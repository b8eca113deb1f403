update activity t
set status = 'due', due_at = now(), attempts = 0
from issue i
where i.org_id = %(org_id)s and i.issue_id = %(issue_id)s and i.closed_at is null
    and t.org_id = i.org_id and t.status = 'blocked'
    and (t.contact_id = i.contact_id or t.external_id = i.external_id)
