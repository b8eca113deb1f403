select v.*, nullif(concat_ws(' ', c.first_name, c.last_name), '') as contact_name, c.phone_number as contact_number
from conversation v
left join contact c on c.org_id = v.org_id and c.contact_id = v.contact_id
where v.org_id = %(org_id)s and v.platform = %(platform)s and v.conversation_id = %(conversation_id)s
