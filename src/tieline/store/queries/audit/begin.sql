-- Notes of audits of this app that are over or begin anew.
delete from audit_record n
using run r
where n.org_id = %(org_id)s and r.org_id = n.org_id and r.run_id = n.run_id and r.app_id = %(app_id)s
