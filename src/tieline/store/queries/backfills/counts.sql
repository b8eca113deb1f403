-- A contact that is done is done for good: earlier attempts do not count any more.
update run
set attempts = 1, counts = counts || (
    select coalesce(jsonb_object_agg(n.key, n.value::numeric + coalesce((run.counts ->> n.key)::numeric, 0)), '{}')
    from jsonb_each_text(%(counts)s) n
)
where org_id = %(org_id)s and run_id = %(run_id)s and status = 'running'
