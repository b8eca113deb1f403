select c.org_id, c.tenant_key, c.contact_id, c.status, c.intent_at, c.intent, c.due_at, c.attempts
from record_creation c
where c.org_id = %(org_id)s and c.tenant_key = %(tenant_key)s and c.status = 'due' and c.due_at <= %(now)s
  and (c.intent_at is not null or exists (
    select from contact t
    where t.org_id = c.org_id and t.contact_id = c.contact_id
      and t.last_conversation_at >= c.created_at - interval '1 hour'
))
order by c.due_at, c.contact_id limit %(limit)s
