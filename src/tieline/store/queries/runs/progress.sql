-- Progress: from here on, earlier attempts do not count against the run.
update run
set counts = (
        select coalesce(jsonb_object_agg(name, amount), '{}')
        from (
            select name, sum(amount::numeric) as amount
            from (
                select key as name, value as amount from jsonb_each_text(run.counts)
                union all
                select key, value from jsonb_each_text(%(counts)s)
            ) both_counts
            group by name
        ) summed
    ),
    requests_sent = requests_sent + %(requests)s,
    attempts = 1
where org_id = %(org_id)s and run_id = %(run_id)s and status = 'running'
