select entry_id, field_name, field_id, old_value, new_value, source_kind, source_ref, effective_ms, run_id, evidence
from ledger
where org_id = %(org_id)s and contact_id = %(contact_id)s and outcome <> 'overruled'
order by field_name, entry_id
