select use, engine, prompt_version, sum(requests)::bigint as requests, sum(input_tokens)::bigint as input_tokens,
    sum(output_tokens)::bigint as output_tokens, sum(cost_micro_usd)::bigint as cost_micro_usd,
    sum(duration_ms)::bigint as duration_ms
from llm_usage
where org_id = %(org_id)s and platform = %(platform)s and conversation_id = %(conversation_id)s
group by use, engine, prompt_version
order by use, engine, prompt_version
