update run
set requests_sent = requests_sent + %(requests)s,
    counts = counts || coalesce((
        select jsonb_object_agg(added.key, added.value::bigint + coalesce((run.counts ->> added.key)::bigint, 0))
        from jsonb_each_text(%(counts)s) as added), '{}')
where org_id = %(org_id)s and run_id = %(run_id)s
