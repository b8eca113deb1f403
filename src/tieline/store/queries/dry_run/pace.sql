-- Of at least a second together: shorter ones measure nothing.
select case when sum(seconds) >= 1 then sum(items) / sum(seconds) end as pace
from (
    select coalesce((counts ->> 'read')::numeric, (counts ->> 'looked')::numeric) as items,
           extract(epoch from finished_at - started_at) as seconds
    from run
    where org_id = %(org_id)s and (app_id = %(app_id)s or app_id is null) and kind = %(kind)s
      and status = 'succeeded' and finished_at > started_at
      and coalesce((counts ->> 'read')::numeric, (counts ->> 'looked')::numeric) > 0
    order by created_at desc limit %(runs)s
) lately
