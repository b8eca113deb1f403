update contact survivor
set conversation_count = survivor.conversation_count + gone.conversations,
    last_conversation_at = greatest(survivor.last_conversation_at, gone.latest)
from (
    select r.survivor_id, sum(loser.conversation_count)::int as conversations,
           max(loser.last_conversation_at) as latest
    from jsonb_to_recordset(%(rows)s) as r(survivor_id text, loser_id text)
    join contact loser on loser.org_id = %(org_id)s and loser.contact_id = r.loser_id
    group by r.survivor_id
) gone
where survivor.org_id = %(org_id)s and survivor.contact_id = gone.survivor_id
