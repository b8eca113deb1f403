-- Tags are joined, and a memory fills an empty one.
update contact survivor
set contact_tag_ids = survivor.contact_tag_ids || m.tags,
    contact_memory = case when m.memory_filled then loser.contact_memory else survivor.contact_memory end,
    sources = case when m.memory_filled and loser.sources ? 'contact_memory'
        then survivor.sources || jsonb_build_object('contact_memory', loser.sources -> 'contact_memory')
        else survivor.sources end
from jsonb_to_recordset(%(rows)s) as r(survivor_id text, loser_id text)
join contact_merge m on m.org_id = %(org_id)s and m.loser_id = r.loser_id and m.undone_at is null
join contact loser on loser.org_id = %(org_id)s and loser.contact_id = r.loser_id
where survivor.org_id = %(org_id)s and survivor.contact_id = r.survivor_id
  and (m.memory_filled or m.tags <> '[]')
