select bucket, allowed, used, window_s
from rate_limit
where org_id = %(org_id)s and app_id = %(app_id)s and allowed is not null and window_s > 0
