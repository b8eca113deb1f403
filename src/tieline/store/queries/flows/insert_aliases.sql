insert into contact_alias (org_id, phone_number, contact_id, origin)
select %(org_id)s, r.phone_number, r.contact_id, r.origin
from jsonb_to_recordset(%(rows)s) as r(phone_number text, contact_id text, origin text)
on conflict do nothing
