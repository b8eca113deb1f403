-- In the middle of a read, whose place is saved with the page, progress is for good: earlier attempts do not count any more.
-- A last page is no such proof, since each attempt reads it anew: what kills its worker after that must come to an end.
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
    attempts = case when exists (
        select from read_state r where r.org_id = run.org_id and r.app_id = run.app_id and r.cursor is not null
    ) then 1 else attempts end
where org_id = %(org_id)s and run_id = %(run_id)s and status = 'running'
