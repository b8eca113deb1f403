delete from contact_alias a
using jsonb_to_recordset(%(rows)s) as r(contact_id text, phone_number text)
where a.org_id = %(org_id)s and a.contact_id = r.contact_id and a.phone_number = r.phone_number and a.origin = 'record'
