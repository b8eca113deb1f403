select u.platform || ':' || u.conversation_id as ref, u.outcome as former,
       a.analysis_data_name, a.field_name, a.analysis_version, a.outcome, a.contribution
from undo_application u
join analysis_application a using (org_id, platform, conversation_id, analysis_data_name, field_name)
where u.org_id = %(org_id)s and u.run_id = %(run_id)s and u.contact_id = %(contact_id)s
order by ref, a.analysis_data_name, a.field_name
