-- Whether the loser still needs a record is looked at anew, and then for the survivor.
update record_creation c
set status = 'due', due_at = now()
from jsonb_to_recordset(%(rows)s) as r(survivor_id text, loser_id text)
where c.org_id = %(org_id)s and c.contact_id = r.loser_id and c.status <> 'done'
