select s.cursor, s.watermark, s.completed_at, exists (
           select 1 from tenant_read t where t.org_id = %(org_id)s and t.tenant_key = %(tenant_key)s
       ) as tenant_known
from (select 1) always
left join read_state s
  on s.org_id = %(org_id)s and s.app_id = %(app_id)s and s.kind = %(kind)s and s.tenant_key = %(tenant_key)s
