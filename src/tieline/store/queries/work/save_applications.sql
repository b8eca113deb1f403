insert into analysis_application (org_id, platform, conversation_id, analysis_data_name, field_name, analysis_version,
                                  outcome, contribution)
select %(org_id)s, %(platform)s, %(conversation_id)s, r.analysis_data_name, r.field_name, r.analysis_version,
       r.outcome, r.contribution
from jsonb_to_recordset(%(rows)s) as r(analysis_data_name text, field_name text, analysis_version text, outcome text,
                                       contribution jsonb)
on conflict (org_id, platform, conversation_id, analysis_data_name, field_name) do update
set analysis_version = excluded.analysis_version, outcome = excluded.outcome, contribution = excluded.contribution,
    applied_at = now()
