-- Whoever works on a lane of this app has lost it: its next transaction finds another token. FOR UPDATE waits for the
-- transactions that hold the fence, see queries/leases/check.sql.
with held as (
    select lane from lease where org_id = %(org_id)s and app_id = %(app_id)s order by lane for update
)
update lease l set token = l.token + 1, owner = '', expires_at = clock_timestamp()
from held
where l.org_id = %(org_id)s and l.app_id = %(app_id)s and l.lane = held.lane
