-- Conversations of the last day that found no record to be logged on. What the analysis did is done only once anyway.
update conversation c
set due_at = now(), updated_at = clock_timestamp()
where c.org_id = %(org_id)s and c.contact_id = any(%(contact_ids)s) and c.counted and c.due_at is null
  and coalesce(c.ended_at, c.started_at, c.created_at) > now() - interval '1 day'
  and not exists (
      select 1 from activity a
      where a.org_id = c.org_id and a.tenant_key = %(tenant_key)s and a.platform = c.platform
        and a.conversation_id = c.conversation_id)
returning c.conversation_id
