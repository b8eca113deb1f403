select lane, sum(requests)::integer as requests
from quota_use
where org_id = %(org_id)s and app_id = %(app_id)s and slot >= date_bin('15 minutes', %(since)s, 'epoch')
group by lane
