copy ledger (org_id, contact_id, field_name, field_id, outcome, old_value, new_value, source_kind, source_ref, app_id,
             run_id, effective_ms, reason, evidence) from stdin
