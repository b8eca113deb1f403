select a.app_id, a.provider || ':' || a.tenant_id as tenant_key
from crm_config c join app a on a.org_id = c.org_id and a.app_id = c.app_id and a.deleted_at is null
where c.org_id = %(org_id)s
