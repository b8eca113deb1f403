insert into dry_run (org_id, dry_run_id, app_id, kind, status, asked)
values (%(org_id)s, %(dry_run_id)s, %(app_id)s, %(kind)s, 'running', %(asked)s)
