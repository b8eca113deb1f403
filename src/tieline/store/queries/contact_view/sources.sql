-- The newest standing row of each field's ledger: what the page shows beside the value.
select distinct on (l.field_name) l.field_name, l.entry_id, l.contact_id, l.outcome, l.old_value, l.new_value, l.source_kind,
       l.source_ref, l.effective_ms, l.reason, l.evidence, l.run_id, l.app_id, l.recorded_at,
       a.name as app_name, a.provider, c.type as conversation_type, c.direction as conversation_direction,
       coalesce(k.name, nullif(m.name, ''), m.email) as key_name
from ledger l
left join app a on a.org_id = l.org_id and a.app_id = l.app_id
left join conversation c on l.source_kind = 'conversation' and c.org_id = l.org_id
     and c.platform = split_part(l.source_ref, ':', 1)
     and c.conversation_id = substr(l.source_ref, length(split_part(l.source_ref, ':', 1)) + 2)
left join api_key k on l.source_kind in ('api', 'person') and k.org_id = l.org_id and k.key_id = l.source_ref
left join member m on l.source_kind = 'person' and m.org_id = l.org_id and m.member_id = l.source_ref
where l.org_id = %(org_id)s and l.contact_id = %(contact_id)s and l.outcome <> 'overruled'
order by l.field_name, l.entry_id desc
