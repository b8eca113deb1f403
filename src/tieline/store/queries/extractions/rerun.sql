-- Conversations that have ended, with a transcript, and for which something is to be found, whatever analysis they have.
insert into extraction as e (org_id, platform, conversation_id, due_at, rerun, transcript_md5)
select c.org_id, c.platform, c.conversation_id, clock_timestamp(), true, md5(c.transcript)
from conversation c
where c.org_id = %(org_id)s
    and c.status in ('ended', 'analyzed', 'error', 'not_connected') and c.transcript ~ '\S'
    and (%(type)s::text is null or c.type = %(type)s)
    and (%(conversation_ids)s::text[] is null or c.conversation_id = any(%(conversation_ids)s))
    and (%(platform)s::text is null or c.platform = %(platform)s)
    and (%(agent_ids)s::text[] is null or c.agent_id = any(%(agent_ids)s))
    and (%(contact_id)s::text is null or c.contact_id = %(contact_id)s)
    and (%(since)s::timestamptz is null or coalesce(c.started_at, c.created_at) >= %(since)s)
    and (%(until)s::timestamptz is null or coalesce(c.started_at, c.created_at) < %(until)s)
    and exists (
        select from analysis_definition d
        where d.org_id = c.org_id and d.agent_id in ('', coalesce(c.agent_id, ''))
            and case c.type when 'call' then d.call_fields else d.chat_fields end is not null
    )
order by coalesce(c.ended_at, c.started_at, c.created_at)
on conflict (org_id, platform, conversation_id) do update
set due_at = excluded.due_at, rerun = true, attempts = 0, transcript_md5 = excluded.transcript_md5,
    revision = e.revision + 1
