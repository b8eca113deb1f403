insert into issue (org_id, issue_id, cause, kind, severity, message, app_id, run_id)
values (%(org_id)s, %(issue_id)s, %(cause)s, %(kind)s, %(severity)s, %(message)s, %(app_id)s, %(run_id)s)
on conflict (org_id, cause) where closed_at is null do update
set message = excluded.message, severity = excluded.severity, run_id = excluded.run_id,
    occurrences = issue.occurrences + 1, last_seen_at = now()
