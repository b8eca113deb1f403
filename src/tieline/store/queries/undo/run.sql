select kind, status from run where org_id = %(org_id)s and run_id = %(run_id)s
