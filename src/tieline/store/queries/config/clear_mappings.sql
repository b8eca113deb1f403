delete from analysis_mapping where org_id = %(org_id)s
