-- Only an alias that exactly one living contact has stands for anybody. The aliases come first and alone: without
-- statistics (a young table) the planner would rather read all contacts.
with found as materialized (
    select phone_number, contact_id from contact_alias
    where org_id = %(org_id)s and phone_number = any(%(phones)s)
)
select found.phone_number, min(found.contact_id) as contact_id
from found
cross join lateral (
    select 1 from contact c
    where c.org_id = %(org_id)s and c.contact_id = found.contact_id and c.merged_into is null and c.deleted_at is null
    offset 0
) living
group by found.phone_number
having count(*) = 1
