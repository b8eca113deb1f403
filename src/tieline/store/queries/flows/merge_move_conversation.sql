with moved as (
    update conversation moved set contact_id = r.survivor_id
    from jsonb_to_recordset(%(rows)s) as r(survivor_id text, loser_id text)
    where moved.org_id = %(org_id)s and moved.contact_id = r.loser_id
    returning r.loser_id, moved.platform, moved.conversation_id
)
update contact_merge m set conversations = found.keys
from (
    select loser_id, jsonb_agg(jsonb_build_array(platform, conversation_id)) as keys from moved group by loser_id
) found
where m.org_id = %(org_id)s and m.loser_id = found.loser_id and m.undone_at is null
