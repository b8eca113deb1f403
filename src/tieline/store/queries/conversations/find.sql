select c.*, e.due_at as extraction_due_at
from conversation c
left join extraction e using (org_id, platform, conversation_id)
where c.org_id = %(org_id)s and c.type = %(type)s and c.conversation_id = %(conversation_id)s
    and (%(platform)s::text is null or c.platform = %(platform)s)
order by c.platform <> 'retell', c.platform
limit 1
