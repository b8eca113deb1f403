-- A contact has one open link in each tenant: where the survivor has its own, the loser's closes.
update link moved
set contact_id = r.survivor_id, version = moved.version + 1,
    status = case when moved.status = 'open' and exists (
                 select 1 from link own
                 where own.org_id = moved.org_id and own.tenant_key = moved.tenant_key
                   and own.contact_id = r.survivor_id and own.status = 'open')
             then 'closed' else moved.status end
from jsonb_to_recordset(%(rows)s) as r(survivor_id text, loser_id text)
where moved.org_id = %(org_id)s and moved.contact_id = r.loser_id
