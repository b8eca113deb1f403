update run set engine = %(engine)s where org_id = %(org_id)s and run_id = %(run_id)s
