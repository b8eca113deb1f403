select exists (
    select from conversation
    where due_at <= clock_timestamp() and org_id = %(org_id)s and (claim_until is null or claim_until <= clock_timestamp())
) as waits
