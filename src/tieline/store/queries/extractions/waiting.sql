select count(*)::integer as number,
    exists (select from issue where org_id = %(org_id)s and cause = %(cause)s and closed_at is null) as told
from extraction
where org_id = %(org_id)s and due_at <= %(now)s
