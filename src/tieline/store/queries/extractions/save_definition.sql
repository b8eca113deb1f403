insert into analysis_definition (org_id, agent_id, call_fields, chat_fields, time_zone, default_country)
values (%(org_id)s, %(agent_id)s, %(call_fields)s, %(chat_fields)s, %(time_zone)s, %(default_country)s)
on conflict (org_id, agent_id) do update
set call_fields = excluded.call_fields, chat_fields = excluded.chat_fields, time_zone = excluded.time_zone,
    default_country = excluded.default_country, updated_at = now()
