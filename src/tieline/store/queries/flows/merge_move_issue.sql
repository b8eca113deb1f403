with moved as (
    update issue moved set contact_id = r.survivor_id
    from jsonb_to_recordset(%(rows)s) as r(survivor_id text, loser_id text)
    where moved.org_id = %(org_id)s and moved.contact_id = r.loser_id and moved.closed_at is null
    returning r.loser_id, moved.issue_id
)
update contact_merge m set issues = found.ids
from (select loser_id, jsonb_agg(issue_id) as ids from moved group by loser_id) found
where m.org_id = %(org_id)s and m.loser_id = found.loser_id and m.undone_at is null
