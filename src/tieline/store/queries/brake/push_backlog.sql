-- A link is dirty because of a conversation, if its contact had one not long before, or has had one since.
select count(*) as number from link l
where l.org_id = %(org_id)s and l.tenant_key = %(tenant_key)s and l.dirty_at is not null and l.status = 'open'
  and not exists (
    select from contact c
    where c.org_id = l.org_id and c.contact_id = l.contact_id and c.last_conversation_at >= l.dirty_at - interval '1 hour'
)
