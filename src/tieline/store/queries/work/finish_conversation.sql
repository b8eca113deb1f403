-- An event that came while the work was going on changed the row: then it is still due.
update conversation
set due_at = case when updated_at <> %(revision)s then least(due_at, now())
                  else %(again_at)s::timestamptz end,
    attempts = case when %(again_at)s::timestamptz is null then 0 else attempts end,
    claim_token = null, claim_until = null
where org_id = %(org_id)s and platform = %(platform)s and conversation_id = %(conversation_id)s
  and claim_token = %(token)s
