-- A report whose process died stays 'running' and is forgotten like any other.
with old as (
    delete from dry_run where org_id = %(org_id)s and dry_run_id in (
        select dry_run_id from dry_run where org_id = %(org_id)s
        order by created_at desc, dry_run_id desc offset %(kept)s)
    returning dry_run_id
)
delete from dry_run_line where org_id = %(org_id)s and dry_run_id in (select dry_run_id from old)
