update contact loser set merged_into = r.survivor_id, version = loser.version + 1
from jsonb_to_recordset(%(rows)s) as r(survivor_id text, loser_id text)
where loser.org_id = %(org_id)s and loser.contact_id = r.loser_id
