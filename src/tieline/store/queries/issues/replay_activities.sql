-- A refused activity is the one that its issue names; what is wrong with a record or contact as such may have refused
-- several.
update activity t
set status = 'due', due_at = now(), attempts = 0
from issue i
where i.org_id = %(org_id)s and i.issue_id = any(%(issue_ids)s) and i.closed_at is null
    and t.org_id = i.org_id and t.status = 'blocked'
    and case i.kind
        when 'activity_refused' then i.cause = 'activity:' || t.tenant_key || ':' || t.platform || ':' || t.conversation_id
        else t.contact_id = i.contact_id or t.external_id = i.external_id
    end
