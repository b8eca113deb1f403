insert into contact (org_id, contact_id, phone_number, first_name, last_name, do_not_call, contact_memory, custom_fields,
                     sources, user_modified_at)
select %(org_id)s, r.contact_id, r.phone_number, r.first_name, r.last_name, r.do_not_call, r.contact_memory,
       coalesce(r.custom_fields, '{}'), coalesce(r.sources, '{}'), case when r.by_person then now() end
from jsonb_to_recordset(%(rows)s) as r(contact_id text, phone_number text, first_name text, last_name text,
                                       do_not_call boolean, contact_memory text, custom_fields jsonb, sources jsonb, by_person boolean)
