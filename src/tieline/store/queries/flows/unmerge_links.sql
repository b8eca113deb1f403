-- A record that speaks for somebody is read again before it is believed.
update link l
set contact_id = r.loser_id, version = l.version + 1, needs_read = l.needs_read or l.status in ('open', 'shared')
from jsonb_to_recordset(%(rows)s) as r(survivor_id text, loser_id text)
join contact_merge m on m.org_id = %(org_id)s and m.loser_id = r.loser_id and m.undone_at is null
where l.org_id = %(org_id)s and l.contact_id = r.survivor_id
  and m.links @> jsonb_build_array(jsonb_build_array(l.tenant_key, l.external_id))
