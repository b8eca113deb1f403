-- The turn to ask: whoever is first has it for everybody.
update quota set asked_at = clock_timestamp()
where org_id = %(org_id)s and app_id = %(app_id)s
    and asked_at is not distinct from %(asked_at)s and told_at is not distinct from %(told_at)s
returning 1
