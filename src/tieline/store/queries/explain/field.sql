-- The history of one field, newest first, also of contacts that were merged into this one.
with recursive family as (
    select contact_id from contact where org_id = %(org_id)s and contact_id = %(contact_id)s
    union all
    select c.contact_id from contact c join family f on c.org_id = %(org_id)s and c.merged_into = f.contact_id
)
select l.entry_id, l.contact_id, l.outcome, l.old_value, l.new_value, l.source_kind, l.source_ref, l.effective_ms,
       l.reason, l.evidence, l.run_id, l.app_id, l.recorded_at,
       a.name as app_name, a.provider, c.type as conversation_type, c.direction as conversation_direction,
       coalesce(k.name, nullif(m.name, ''), m.email) as key_name
from ledger l
left join app a on a.org_id = l.org_id and a.app_id = l.app_id
left join conversation c on l.source_kind = 'conversation' and c.org_id = l.org_id
     and c.platform = split_part(l.source_ref, ':', 1)
     and c.conversation_id = substr(l.source_ref, length(split_part(l.source_ref, ':', 1)) + 2)
left join api_key k on l.source_kind in ('api', 'person') and k.org_id = l.org_id and k.key_id = l.source_ref
left join member m on l.source_kind = 'person' and m.org_id = l.org_id and m.member_id = l.source_ref
where l.org_id = %(org_id)s and l.contact_id in (select contact_id from family) and l.field_name = %(field_name)s
  and (%(before)s::bigint is null or l.entry_id < %(before)s)
order by l.entry_id desc
limit %(limit)s
