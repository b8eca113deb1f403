select c.*, e.revision as extraction_revision, e.claim_token as extraction_token
from conversation c
join extraction e using (org_id, platform, conversation_id)
where c.org_id = %(org_id)s and c.platform = %(platform)s and c.conversation_id = %(conversation_id)s
for update
