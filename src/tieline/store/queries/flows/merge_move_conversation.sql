update conversation moved set contact_id = r.survivor_id
from jsonb_to_recordset(%(rows)s) as r(survivor_id text, loser_id text)
where moved.org_id = %(org_id)s and moved.contact_id = r.loser_id
