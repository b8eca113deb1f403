update run
set errors = errors || jsonb_build_object(%(words)s::text, coalesce((errors ->> %(words)s::text)::int, 0) + 1)
where org_id = %(org_id)s and run_id = %(run_id)s
