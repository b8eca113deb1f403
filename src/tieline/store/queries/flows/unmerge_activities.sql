update activity a set contact_id = c.contact_id
from jsonb_to_recordset(%(rows)s) as r(survivor_id text, loser_id text), conversation c
where a.org_id = %(org_id)s and a.contact_id = r.survivor_id and c.contact_id = r.loser_id
  and c.org_id = a.org_id and c.platform = a.platform and c.conversation_id = a.conversation_id
