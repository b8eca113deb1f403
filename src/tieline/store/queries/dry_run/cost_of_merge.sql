select sum(cost_micro_usd) / 1000000.0 / nullif(count(distinct (platform, conversation_id)), 0) as usd
from llm_usage
where org_id = %(org_id)s and use = 'merge' and recorded_at >= %(since)s and conversation_id is not null
