select y.tenant_key, y.external_id, y.status, y.activity_id, y.due_at, y.attempts, a.name as app_name, a.provider
from activity y
left join lateral (
    select name, provider from app where org_id = y.org_id and provider || ':' || tenant_id = y.tenant_key
    order by deleted_at desc nulls first, updated_at desc
    limit 1
) a on true
where y.org_id = %(org_id)s and y.platform = %(platform)s and y.conversation_id = %(conversation_id)s
