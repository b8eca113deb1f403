insert into contact_alias (org_id, phone_number, contact_id, origin)
select a.org_id, a.phone_number, r.survivor_id, 'merged'
from jsonb_to_recordset(%(rows)s) as r(survivor_id text, loser_id text)
join contact_alias a on a.org_id = %(org_id)s and a.contact_id = r.loser_id
on conflict do nothing
