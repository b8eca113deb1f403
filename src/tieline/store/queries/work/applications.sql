select analysis_data_name, field_name, analysis_version, outcome, contribution from analysis_application
where org_id = %(org_id)s and platform = %(platform)s and conversation_id = %(conversation_id)s
