select c.* from conversation c
where {matching}
    and {telling} and c.contact_id = %(contact_id)s
order by coalesce(c.ended_at, c.started_at, c.created_at), c.platform, c.conversation_id
