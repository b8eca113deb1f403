-- Conversations whose analysis was applied in the very transactions in which the run changed the contact.
select distinct a.platform, a.conversation_id
from ledger l
join conversation c on c.org_id = l.org_id and c.contact_id = l.contact_id
join analysis_application a on a.org_id = c.org_id and a.platform = c.platform
    and a.conversation_id = c.conversation_id and a.applied_at = l.recorded_at
where l.org_id = %(org_id)s and l.run_id = %(run_id)s and l.contact_id = %(contact_id)s
order by a.platform, a.conversation_id
