-- Once: a page that is taken again after a conflict finds nothing left to change.
update audit_record
set settled = true, finding = case when external_id = any(%(real)s) then finding end
where org_id = %(org_id)s and run_id = %(run_id)s and external_id = any(%(external_ids)s) and not settled
