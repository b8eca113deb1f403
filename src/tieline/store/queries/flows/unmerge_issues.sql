update issue i set contact_id = r.loser_id
from jsonb_to_recordset(%(rows)s) as r(survivor_id text, loser_id text)
join contact_merge m on m.org_id = %(org_id)s and m.loser_id = r.loser_id and m.undone_at is null
where i.org_id = %(org_id)s and i.contact_id = r.survivor_id and m.issues ? i.issue_id
