select *, clock_timestamp() as now
from (values (1)) as one
left join quota on org_id = %(org_id)s and app_id = %(app_id)s
