-- What a call that starts with that number may know. One query, since the phone is ringing.
select c.contact_id, c.first_name, c.last_name, c.do_not_call, c.custom_fields, c.contact_memory
from contact c
where c.org_id = %(org_id)s and c.merged_into is null and c.deleted_at is null and {condition}
