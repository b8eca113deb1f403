update backfill set last_contact_id = greatest(last_contact_id, %(contact_id)s)
where org_id = %(org_id)s and run_id = %(run_id)s
