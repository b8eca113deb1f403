select * from dry_run where org_id = %(org_id)s and dry_run_id = %(dry_run_id)s
