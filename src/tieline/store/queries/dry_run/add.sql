insert into dry_run_line (org_id, dry_run_id, position, action, side, line)
select %(org_id)s, %(dry_run_id)s, r.position, r.action, r.side, r.line
from jsonb_to_recordset(%(rows)s) as r(position bigint, action text, side text, line jsonb)
