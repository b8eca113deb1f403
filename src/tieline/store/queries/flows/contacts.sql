-- An id that was merged away is answered with its survivor, under the id that was asked for.
with recursive asked as (
    select contact_id as asked_id, contact_id, merged_into
    from contact
    where org_id = %(org_id)s and contact_id = any(%(contact_ids)s)
    union all
    select asked.asked_id, next.contact_id, next.merged_into
    from asked join contact next on next.org_id = %(org_id)s and next.contact_id = asked.merged_into
)
select asked.asked_id, c.contact_id, c.phone_number, c.first_name, c.last_name, c.do_not_call, c.custom_fields,
       c.sources, c.version
from asked join contact c on c.org_id = %(org_id)s and c.contact_id = asked.contact_id
where asked.merged_into is null and c.deleted_at is null
