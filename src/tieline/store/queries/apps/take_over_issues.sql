update issue i set app_id = %(app_id)s
from app former
where i.org_id = %(org_id)s and i.closed_at is null
    and former.org_id = i.org_id and former.app_id = i.app_id and former.deleted_at is not null
    and former.provider || ':' || former.tenant_id = %(tenant_key)s and former.app_id <> %(app_id)s
