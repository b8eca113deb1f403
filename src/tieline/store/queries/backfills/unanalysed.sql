c.transcript ~ '\S'
    and (c.analysis is null or c.analysis - 'call_summary' - 'chat_summary' = '{{}}') and c.analysis_origin is null
    and exists (
        select from analysis_definition d
        where d.org_id = c.org_id and d.agent_id in ('', coalesce(c.agent_id, ''))
            and case c.type when 'call' then d.call_fields else d.chat_fields end is not null
    )
