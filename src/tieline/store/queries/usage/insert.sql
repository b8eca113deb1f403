insert into llm_usage (
    org_id, platform, conversation_id, contact_id, use, engine, prompt_version, requests, input_tokens, output_tokens,
    cost_micro_usd, duration_ms
)
select %(org_id)s, r.platform, r.conversation_id, r.contact_id, r.use, r.engine, r.prompt_version, r.requests,
    r.input_tokens, r.output_tokens, r.cost_micro_usd, r.duration_ms
from jsonb_to_recordset(%(rows)s) r (
    platform text, conversation_id text, contact_id text, use text, engine text, prompt_version text, requests integer,
    input_tokens bigint, output_tokens bigint, cost_micro_usd bigint, duration_ms bigint
)
