-- The loser keeps its own rows: they count for nothing while it is merged away, and are there again after an undo.
with offered as (
    select r.survivor_id, r.loser_id, a.phone_number
    from jsonb_to_recordset(%(rows)s) as r(survivor_id text, loser_id text)
    cross join lateral (
        select phone_number from contact_alias where org_id = %(org_id)s and contact_id = r.loser_id
        union
        select phone_number from contact where org_id = %(org_id)s and contact_id = r.loser_id
    ) a
), added as (
    insert into contact_alias (org_id, phone_number, contact_id, origin)
    select distinct %(org_id)s, phone_number, survivor_id, 'merged' from offered
    on conflict do nothing
    returning phone_number, contact_id
)
update contact_merge m set aliases = found.numbers
from (
    select o.loser_id, jsonb_agg(o.phone_number order by o.phone_number) as numbers
    from offered o
    join added on added.contact_id = o.survivor_id and added.phone_number = o.phone_number
    group by o.loser_id
) found
where m.org_id = %(org_id)s and m.loser_id = found.loser_id and m.undone_at is null
