select org_id, tenant_key, contact_id, status, intent_at, intent, due_at, attempts
from record_creation
where org_id = %(org_id)s and tenant_key = %(tenant_key)s and contact_id = any (%(contact_ids)s)
  and intent_at is not null and intent is not null
