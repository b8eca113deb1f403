-- The conversations that moved go back, and of those that came since the ones with a number of the loser's own. Counts
-- and last times follow. The loser kept its own row as it was.
with undone as (
    select m.*, r.numbers
    from jsonb_to_recordset(%(rows)s) as r(survivor_id text, loser_id text, numbers jsonb)
    join contact_merge m on m.org_id = %(org_id)s and m.loser_id = r.loser_id and m.undone_at is null
), moved as (
    update conversation c set contact_id = u.loser_id
    from undone u
    where c.org_id = %(org_id)s and c.contact_id = u.survivor_id
      and (u.conversations @> jsonb_build_array(jsonb_build_array(c.platform, c.conversation_id))
           or c.has_number
              and u.numbers ? case c.direction when 'inbound' then c.from_number else c.to_number end
              and not u.own_conversations @> jsonb_build_array(jsonb_build_array(c.platform, c.conversation_id)))
    returning u.loser_id, c.platform, c.conversation_id, coalesce(c.ended_at, c.started_at, c.created_at) as at,
              c.counted and not u.conversations @> jsonb_build_array(jsonb_build_array(c.platform, c.conversation_id))
                  as since
), news as (
    select u.survivor_id, u.loser_id, u.survivor_last_at,
           u.tags, u.memory_filled,
           (select count(*) from moved where moved.loser_id = u.loser_id and moved.since)::int as number,
           (select max(moved.at) from moved where moved.loser_id = u.loser_id and moved.since) as latest,
           (select max(coalesce(c.ended_at, c.started_at, c.created_at)) from conversation c
            where c.org_id = %(org_id)s and c.contact_id = u.survivor_id and c.counted
              and not exists (select from moved where moved.platform = c.platform
                              and moved.conversation_id = c.conversation_id)) as stays
    from undone u
), survivors as (
    update contact survivor
    set conversation_count = greatest(0, survivor.conversation_count - loser.conversation_count - news.number),
        last_conversation_at = greatest(news.survivor_last_at, news.stays),
        contact_tag_ids = survivor.contact_tag_ids - array(select jsonb_array_elements_text(news.tags)),
        contact_memory = case when news.memory_filled and survivor.contact_memory = loser.contact_memory then null
                              else survivor.contact_memory end
    from news join contact loser on loser.org_id = %(org_id)s and loser.contact_id = news.loser_id
    where survivor.org_id = %(org_id)s and survivor.contact_id = news.survivor_id
)
update contact loser
set merged_into = null, version = loser.version + 1,
    conversation_count = loser.conversation_count + news.number,
    last_conversation_at = greatest(loser.last_conversation_at, news.latest)
from news
where loser.org_id = %(org_id)s and loser.contact_id = news.loser_id
