-- How many contacts hold a value of each of those custom fields.
select n.name, count(*) as number
from contact c
cross join unnest(%(names)s::text[]) as n (name)
where c.org_id = %(org_id)s and c.custom_fields ? n.name
group by n.name
