select agent_id, call_fields, chat_fields, time_zone, default_country
from analysis_definition
where org_id = %(org_id)s
order by agent_id
