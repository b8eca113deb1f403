-- An id that was merged away is answered with its survivor, under the id that was asked for.
-- One index look-up per key, whatever the planner believes of a table that an import is filling just now (offset 0
-- keeps it from turning the look-ups into a scan).
with recursive asked as (
    select key.contact_id as asked_id, c.contact_id, c.merged_into
    from unnest(%(contact_ids)s::text[]) as key(contact_id)
    cross join lateral (
        select contact_id, merged_into from contact
        where org_id = %(org_id)s and contact.contact_id = key.contact_id
        offset 0
    ) c
    union all
    select asked.asked_id, next.contact_id, next.merged_into
    from asked
    cross join lateral (
        select contact_id, merged_into from contact
        where org_id = %(org_id)s and contact.contact_id = asked.merged_into
        offset 0
    ) next
    where asked.merged_into is not null
)
select asked.asked_id, c.contact_id, c.phone_number, c.first_name, c.last_name, c.do_not_call, c.custom_fields,
       c.sources, c.version
from asked
cross join lateral (
    select * from contact where org_id = %(org_id)s and contact.contact_id = asked.contact_id
    offset 0
) c
where asked.merged_into is null and c.deleted_at is null
