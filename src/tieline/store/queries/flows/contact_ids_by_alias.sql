-- Only an alias that exactly one living contact has stands for anybody.
select a.phone_number, min(c.contact_id) as contact_id
from contact_alias a
join contact c on c.org_id = a.org_id and c.contact_id = a.contact_id and c.merged_into is null and c.deleted_at is null
where a.org_id = %(org_id)s and a.phone_number = any(%(phones)s)
group by a.phone_number
having count(*) = 1
