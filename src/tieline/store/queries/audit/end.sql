delete from audit_record where org_id = %(org_id)s and run_id = %(run_id)s
