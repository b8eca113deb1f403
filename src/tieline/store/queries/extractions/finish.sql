-- Wanted anew while the work was going on: then it is still due.
update extraction
set due_at = case when revision <> %(revision)s then due_at else %(again_at)s::timestamptz end,
    rerun = rerun and (revision <> %(revision)s or %(again_at)s::timestamptz is not null),
    attempts = case when %(again_at)s::timestamptz is null or revision <> %(revision)s then 0 else attempts end,
    claim_token = null, claim_until = null
where org_id = %(org_id)s and platform = %(platform)s and conversation_id = %(conversation_id)s
    and claim_token = %(token)s
