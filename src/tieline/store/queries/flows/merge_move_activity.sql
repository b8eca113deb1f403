-- What waited for a record can be logged on the survivor's, if it has one.
update activity moved
set contact_id = r.survivor_id,
    due_at = case when moved.status = 'due' and moved.due_at is null and exists (
                 select from link own
                 where own.org_id = moved.org_id and own.tenant_key = moved.tenant_key
                   and own.contact_id = r.survivor_id and own.status = 'open')
             then now() else moved.due_at end
from jsonb_to_recordset(%(rows)s) as r(survivor_id text, loser_id text)
where moved.org_id = %(org_id)s and moved.contact_id = r.loser_id
