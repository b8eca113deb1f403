-- Conversations, newest first, with the contact's name.
select v.platform, v.conversation_id, v.type, v.direction, v.status, v.contact_id, v.agent_id, v.duration_ms, v.sentiment,
       v.successful, v.summary, coalesce(v.started_at, v.created_at) as at, v.created_at,
       nullif(concat_ws(' ', c.first_name, c.last_name), '') as contact_name, coalesce(c.phone_number, v.from_number) as number
from conversation v
left join contact c on c.org_id = v.org_id and c.contact_id = v.contact_id
where v.org_id = %(org_id)s
  and (%(type)s::text is null or v.type = %(type)s)
  and (%(before)s::timestamptz is null or (v.created_at, v.conversation_id) < (%(before)s, %(before_id)s))
order by v.created_at desc, v.conversation_id desc
limit %(limit)s
