-- The ledger rows that name this conversation as their source.
select l.field_name, l.outcome, l.old_value, l.new_value, l.reason, l.evidence, l.recorded_at
from ledger l
where l.org_id = %(org_id)s and l.contact_id = %(contact_id)s and l.source_kind = 'conversation'
  and l.source_ref = %(source_ref)s
order by l.entry_id
limit 200
