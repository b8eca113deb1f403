-- One index look-up per key, whatever the planner believes of a table that an import is filling just now (offset 0
-- keeps it from turning the look-ups into a scan).
select c.phone_number, c.contact_id
from unnest(%(phones)s::text[]) as asked(phone_number)
cross join lateral (
    select phone_number, contact_id from contact
    where org_id = %(org_id)s and contact.phone_number = asked.phone_number and merged_into is null
      and deleted_at is null
    offset 0
) c
