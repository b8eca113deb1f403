with moved as (
    update undo set last_contact_id = %(contact_id)s
    where org_id = %(org_id)s and run_id = %(run_id)s
)
update run set counts = counts || jsonb_build_object(
    'looked', coalesce((counts ->> 'looked')::int, 0) + 1,
    'changed', coalesce((counts ->> 'changed')::int, 0) + %(changed)s,
    'kept', coalesce((counts ->> 'kept')::int, 0) + %(kept)s)
where org_id = %(org_id)s and run_id = %(run_id)s
