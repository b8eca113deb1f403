select l.field_name, max(l.effective_ms)::bigint as at_ms
from ledger l
left join custom_field f on f.org_id = l.org_id and f.name = l.field_name and f.deleted_at is null
where l.org_id = %(org_id)s and l.contact_id = %(contact_id)s and l.field_name = any(%(fields)s)
    and l.source_kind <> 'conversation' and l.outcome <> 'overruled' and l.field_id in ('', coalesce(f.field_id, ''))
group by l.field_name
