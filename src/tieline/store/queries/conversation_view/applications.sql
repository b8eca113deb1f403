-- What a conversation's analysis did to each mapped field.
select analysis_data_name, field_name, outcome, contribution, applied_at from analysis_application
where org_id = %(org_id)s and platform = %(platform)s and conversation_id = %(conversation_id)s
order by field_name, analysis_data_name
