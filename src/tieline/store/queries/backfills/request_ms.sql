-- How long requests took lately, by use and engine.
select use, engine, sum(duration_ms)::double precision / sum(requests) as request_ms
from (
    select use, engine, duration_ms, requests from llm_usage
    where org_id = %(org_id)s and requests > 0 order by recorded_at desc limit 1000
) lately
group by use, engine
