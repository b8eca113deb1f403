select count(*) as number from audit_record
where org_id = %(org_id)s and run_id = %(run_id)s and finding is distinct from 'missing_there'
