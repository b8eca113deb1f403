-- A conversation that has ended, with a transcript, of which the platform told no data of an analysis (presets alone are
-- none), and for which something is to be found. Retell's own analysis comes some minutes after the end; it is waited for.
insert into extraction as e (org_id, platform, conversation_id, due_at, transcript_md5)
select c.org_id, c.platform, c.conversation_id,
    clock_timestamp() + case when c.platform = 'retell' and c.status <> 'analyzed' then interval '10 minutes' else '0' end,
    md5(c.transcript)
from conversation c
where c.org_id = %(org_id)s and c.platform = %(platform)s and c.conversation_id = %(conversation_id)s
    and c.status in ('ended', 'analyzed', 'error', 'not_connected') and c.transcript ~ '\S'
    and (c.analysis is null or c.analysis_origin is not null or c.analysis
        - '{call_summary,chat_summary,call_successful,chat_successful,user_sentiment,in_voicemail}'::text[] = '{}')
    and exists (
        select from analysis_definition d
        where d.org_id = c.org_id and d.agent_id in ('', coalesce(c.agent_id, ''))
            and case c.type when 'call' then d.call_fields else d.chat_fields end is not null
    )
on conflict (org_id, platform, conversation_id) do update
set due_at = excluded.due_at, attempts = 0, transcript_md5 = excluded.transcript_md5, revision = e.revision + 1
where e.transcript_md5 is distinct from excluded.transcript_md5 or e.due_at > excluded.due_at
returning greatest(extract(epoch from due_at - clock_timestamp()), 0)::double precision as in_s
