-- What an undo needs to know of the two as they were; the moves that follow write down what they moved.
insert into contact_merge (org_id, survivor_id, loser_id, reason, filled, tags, memory_filled, survivor_number,
                           survivor_last_at, own_conversations, links)
select %(org_id)s, r.survivor_id, r.loser_id, r.reason, r.filled,
       coalesce((
           select jsonb_agg(tag) from jsonb_array_elements_text(loser.contact_tag_ids) as tag
           where not coalesce(survivor.contact_tag_ids, '[]') ? tag
       ), '[]'),
       coalesce(survivor.contact_memory, '') = '' and coalesce(loser.contact_memory, '') <> '',
       survivor.phone_number, survivor.last_conversation_at,
       coalesce((
           select jsonb_agg(jsonb_build_array(c.platform, c.conversation_id)) from conversation c
           where c.org_id = %(org_id)s and c.contact_id = r.survivor_id and c.has_number
             and case c.direction when 'inbound' then c.from_number else c.to_number end in (
                 select loser.phone_number
                 union select a.phone_number from contact_alias a
                 where a.org_id = %(org_id)s and a.contact_id = r.loser_id)
       ), '[]'),
       coalesce((
           select jsonb_agg(jsonb_build_array(l.tenant_key, l.external_id)) from link l
           where l.org_id = %(org_id)s and l.contact_id = r.loser_id
       ), '[]')
from jsonb_to_recordset(%(rows)s) as r(survivor_id text, loser_id text, reason text, filled jsonb)
join contact loser on loser.org_id = %(org_id)s and loser.contact_id = r.loser_id
left join contact survivor on survivor.org_id = %(org_id)s and survivor.contact_id = r.survivor_id
