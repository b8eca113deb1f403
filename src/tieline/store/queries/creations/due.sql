-- What is due, and what waits for a person although the contact has a record by now.
select c.org_id, c.tenant_key, c.contact_id, c.status, c.intent_at, c.intent, c.due_at, c.attempts
from record_creation c
where c.org_id = %(org_id)s and c.tenant_key = %(tenant_key)s and c.status <> 'done'
  and (c.due_at <= %(now)s or c.status = 'blocked' and exists (
      select from link l
      where l.org_id = c.org_id and l.tenant_key = c.tenant_key and l.contact_id = c.contact_id and l.status = 'open'
  ))
order by c.due_at nulls first, c.contact_id limit %(limit)s
