-- What was refused is sent again and what could not be read is read again; the flows close the issue if it helped.
update link l
set needs_read = true, push_blocked = '{}', push_attempts = 0, push_not_before = null, version = l.version + 1,
    dirty_at = case when l.status = 'open' then coalesce(l.dirty_at, now()) else l.dirty_at end
from issue i
left join app a on a.org_id = i.org_id and a.app_id = i.app_id
where i.org_id = %(org_id)s and i.issue_id = any(%(issue_ids)s) and i.closed_at is null
    and i.kind not in ('activity_refused', 'conversation_failed', 'analysis_value', 'record_not_created',
        'extraction_failed', 'model_missing', 'model_refused')
    and l.org_id = i.org_id
    and case
        when i.external_id is not null
            then l.external_id = i.external_id and l.tenant_key = a.provider || ':' || a.tenant_id
        else l.contact_id = i.contact_id and l.status = 'open'
    end
