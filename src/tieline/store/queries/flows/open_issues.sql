insert into issue (org_id, issue_id, cause, kind, severity, message, app_id, external_id, contact_id, field_name, raw,
                   run_id)
select %(org_id)s, r.issue_id, r.cause, r.kind, r.severity, r.message, %(app_id)s, r.external_id, r.contact_id,
       r.field_name, r.raw, %(run_id)s
from jsonb_to_recordset(%(rows)s) as r(issue_id text, cause text, kind text, severity text, message text,
                                       external_id text, contact_id text, field_name text, raw jsonb)
on conflict (org_id, cause) where closed_at is null do update
set message = excluded.message, raw = excluded.raw, severity = excluded.severity, run_id = excluded.run_id,
    contact_id = excluded.contact_id, occurrences = issue.occurrences + 1, last_seen_at = now()
