update run
set effects = (
    select jsonb_object_agg(name, amount)
    from (
        select name, sum(amount::bigint) as amount
        from (
            select key as name, value as amount from jsonb_each_text(run.effects)
            union all
            select key, value from jsonb_each_text(%(counts)s)
        ) both_counts
        group by name
    ) summed
)
where org_id = %(org_id)s and run_id = %(run_id)s
