-- updated_at is the row's revision: the analysis flow sees by it that there is news since it began.
update conversation
set analysis = %(analysis)s, analysis_version = %(analysis_version)s, analysis_origin = %(analysis_origin)s,
    evidence = %(evidence)s, summary = coalesce(%(summary)s, summary), sentiment = coalesce(%(sentiment)s, sentiment),
    successful = coalesce(%(successful)s, successful), due_at = %(now)s, attempts = 0, updated_at = clock_timestamp()
where org_id = %(org_id)s and platform = %(platform)s and conversation_id = %(conversation_id)s
