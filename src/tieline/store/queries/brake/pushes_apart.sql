select l.external_id from link l
where l.org_id = %(org_id)s and l.tenant_key = %(tenant_key)s and l.dirty_at is not null and l.status = 'open'
  and (l.push_not_before is null or l.push_not_before <= %(now)s)
  and exists (
    select from contact c
    where c.org_id = l.org_id and c.contact_id = l.contact_id and c.last_conversation_at >= l.dirty_at - interval '1 hour'
)
order by l.dirty_at, l.external_id limit %(limit)s
