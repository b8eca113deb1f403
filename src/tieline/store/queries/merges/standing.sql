-- The loser's row is as it was: nothing changes a contact that was merged away.
select m.survivor_id, m.loser_id, m.merged_at, m.filled, m.aliases, m.links, m.survivor_number,
       loser.contact_id, loser.phone_number, loser.first_name, loser.last_name, loser.do_not_call,
       loser.custom_fields, loser.sources, loser.version,
       (select c.contact_id from contact c where c.org_id = m.org_id and c.phone_number = loser.phone_number
           and c.merged_into is null and c.deleted_at is null) as of_loser,
       (select c.contact_id from contact c where c.org_id = m.org_id and c.phone_number = m.survivor_number
           and c.merged_into is null and c.deleted_at is null) as of_former,
       (select l.external_id from link l where l.org_id = m.org_id and l.contact_id = m.survivor_id
           and l.status = 'open' and l.phones[1] = loser.phone_number
           and not m.links @> jsonb_build_array(jsonb_build_array(l.tenant_key, l.external_id)) limit 1) as held_by
from contact_merge m
join contact loser on loser.org_id = m.org_id and loser.contact_id = m.loser_id
where m.org_id = %(org_id)s and m.loser_id = %(loser_id)s and m.undone_at is null and loser.deleted_at is null
for update of m
