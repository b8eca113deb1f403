-- As the end of a conversation does; one whose extraction was tried and given up is tried once more.
insert into extraction as e (org_id, platform, conversation_id, due_at, transcript_md5)
select c.org_id, c.platform, c.conversation_id, clock_timestamp(), md5(c.transcript)
from conversation c
where {matching}
    and {unanalysed}
order by coalesce(c.ended_at, c.started_at, c.created_at)
on conflict (org_id, platform, conversation_id) do update
set due_at = excluded.due_at, attempts = 0, transcript_md5 = excluded.transcript_md5, revision = e.revision + 1
where e.due_at is null
