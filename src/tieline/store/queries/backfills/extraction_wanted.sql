update backfill set extraction_wanted = true where org_id = %(org_id)s and run_id = %(run_id)s and not extraction_wanted
