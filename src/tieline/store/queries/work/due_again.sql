-- A new `updated_at` makes it due again also for a worker that is at it.
update conversation set due_at = now(), attempts = 0, updated_at = clock_timestamp()
where org_id = %(org_id)s and platform = %(platform)s and conversation_id = %(conversation_id)s
