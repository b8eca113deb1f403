select to_char(recorded_at at time zone 'UTC', 'YYYY-MM-DD') as day, use, engine, prompt_version,
    sum(requests)::bigint as requests, sum(input_tokens)::bigint as input_tokens,
    sum(output_tokens)::bigint as output_tokens, sum(cost_micro_usd)::bigint as cost_micro_usd,
    sum(duration_ms)::bigint as duration_ms,
    count(distinct (platform, conversation_id)) filter (where conversation_id is not null) as conversations
from llm_usage
where org_id = %(org_id)s
    and (%(since)s::timestamptz is null or recorded_at >= %(since)s)
    and (%(until)s::timestamptz is null or recorded_at < %(until)s)
group by day, use, engine, prompt_version
order by day desc, use, engine, prompt_version
