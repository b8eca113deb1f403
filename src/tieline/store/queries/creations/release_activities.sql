-- Conversations that waited for their contact's record can be logged on it.
update activity a
set due_at = %(now)s, external_id = l.external_id
from link l
where a.org_id = %(org_id)s and a.tenant_key = %(tenant_key)s and a.status = 'due' and a.due_at is null
  and l.org_id = a.org_id and l.tenant_key = a.tenant_key and l.contact_id = a.contact_id and l.status = 'open'
