-- Of these numbers those that several living contacts have besides their own one, and nobody as theirs.
with found as materialized (
    select phone_number, contact_id from contact_alias
    where org_id = %(org_id)s and phone_number = any(%(phones)s)
)
select found.phone_number, array_agg(found.contact_id order by found.contact_id) as contact_ids
from found
cross join lateral (
    select 1 from contact c
    where c.org_id = %(org_id)s and c.contact_id = found.contact_id and c.merged_into is null and c.deleted_at is null
    offset 0
) living
where not exists (
    select from contact c
    where c.org_id = %(org_id)s and c.phone_number = found.phone_number and c.merged_into is null
      and c.deleted_at is null
)
group by found.phone_number
having count(*) > 1
