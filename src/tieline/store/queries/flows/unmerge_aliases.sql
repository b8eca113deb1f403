-- Not what a record of the survivor's shows by itself, nor what another contact brought that is still part of it.
delete from contact_alias a
using jsonb_to_recordset(%(rows)s) as r(survivor_id text, loser_id text, dropped jsonb)
where a.org_id = %(org_id)s and a.contact_id = r.survivor_id and a.origin in ('merged', 'former')
  and r.dropped ? a.phone_number
  and not exists (
      select from contact_merge other
      join contact gone on gone.org_id = other.org_id and gone.contact_id = other.loser_id
      left join contact_alias theirs on theirs.org_id = other.org_id and theirs.contact_id = other.loser_id
          and theirs.phone_number = a.phone_number
      where other.org_id = %(org_id)s and other.survivor_id = r.survivor_id and other.loser_id <> r.loser_id
        and other.undone_at is null and (gone.phone_number = a.phone_number or theirs.phone_number is not null))
