-- What waited for a record is logged on the survivor's, if it has one.
update activity moved
set contact_id = r.survivor_id,
    due_at = case when moved.status = 'due' and own.external_id is not null then coalesce(moved.due_at, now())
                  else moved.due_at end,
    external_id = case when moved.status = 'due' and moved.due_at is null
                       then coalesce(own.external_id, moved.external_id) else moved.external_id end
from jsonb_to_recordset(%(rows)s) as r(survivor_id text, loser_id text), activity as a
left join link own on own.org_id = a.org_id and own.tenant_key = a.tenant_key and own.status = 'open'
    and own.contact_id = (
        select r2.survivor_id from jsonb_to_recordset(%(rows)s) as r2(survivor_id text, loser_id text)
        where r2.loser_id = a.contact_id
    )
where moved.org_id = %(org_id)s and moved.contact_id = r.loser_id
  and (a.org_id, a.tenant_key, a.platform, a.conversation_id)
      = (moved.org_id, moved.tenant_key, moved.platform, moved.conversation_id)
