insert into analysis_mapping (org_id, analysis_data_name, field_name, update_mode, options, position)
values (%(org_id)s, %(analysis_data_name)s, %(field_name)s, %(update_mode)s, %(options)s, %(position)s)
