select external_id from audit_record
where org_id = %(org_id)s and run_id = %(run_id)s and finding is not null and not settled
  and external_id > %(after)s
order by external_id limit %(limit)s
