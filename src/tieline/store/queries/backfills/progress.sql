select request, last_contact_id, extraction_wanted from backfill where org_id = %(org_id)s and run_id = %(run_id)s
