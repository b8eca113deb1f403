select kind, count(*) as number
from issue
where org_id = %(org_id)s and closed_at is null and (%(app_id)s::text is null or app_id = %(app_id)s)
group by kind
order by kind
