insert into undo_application (org_id, run_id, contact_id, platform, conversation_id, analysis_data_name, field_name, outcome)
select %(org_id)s, %(run_id)s, %(contact_id)s, r.platform, r.conversation_id, r.analysis_data_name, r.field_name, r.outcome
from jsonb_to_recordset(%(rows)s) as r(platform text, conversation_id text, analysis_data_name text, field_name text,
                                       outcome text)
on conflict do nothing
