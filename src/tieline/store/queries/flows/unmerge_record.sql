update contact_merge m set undone_at = now()
from jsonb_to_recordset(%(rows)s) as r(survivor_id text, loser_id text)
where m.org_id = %(org_id)s and m.loser_id = r.loser_id and m.undone_at is null
