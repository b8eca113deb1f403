-- The nearest one before the chat began; one just after it only where there is none, since clocks differ.
update chat_announcement
set consumed_by = %(conversation_id)s
where org_id = %(org_id)s and announcement_id = (
    select announcement_id
    from chat_announcement
    where org_id = %(org_id)s and agent_id = %(agent_id)s and consumed_by is null
        and received_at between %(began)s::timestamptz - interval '10 minutes' and %(began)s::timestamptz + interval '1 minute'
    order by received_at > %(began)s, abs(extract(epoch from received_at - %(began)s))
    limit 1
    for update skip locked
)
returning agent_id, from_number, to_number
