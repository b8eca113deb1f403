delete from analysis_definition where org_id = %(org_id)s and agent_id = %(agent_id)s
