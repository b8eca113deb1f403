with chosen as (
    select c.* from conversation c where {matching}
), telling as (
    select c.* from chosen c where {telling}
), said as (
    select c.contact_id, n.name, length(c.analysis ->> n.name) as size
    from telling c
    join unnest(%(merging)s::text[]) n(name) on c.analysis ->> n.name ~ '\S'
    where not exists (
        select from analysis_application a
        where a.org_id = c.org_id and a.platform = c.platform and a.conversation_id = c.conversation_id
            and a.analysis_data_name = n.name and a.analysis_version = c.analysis_version
    )
), untaken as (
    select c.* from telling c
    where %(memory)s and not exists (
        select from analysis_application a
        where a.org_id = c.org_id and a.platform = c.platform and a.conversation_id = c.conversation_id
            and a.field_name = 'contact_memory'
    )
), bare as (
    select c.* from chosen c where {unanalysed}
), everybody as (
    select distinct contact_id from telling
    union select distinct contact_id from bare
)
select (select count(*) from telling)::int + (
        select count(*) from bare b where not exists (
            select from telling t where t.platform = b.platform and t.conversation_id = b.conversation_id)
    )::int as conversations,
    (select count(*) from everybody)::int as contacts,
    (select count(*) from said)::int as merges,
    (select coalesce(sum(size), 0) from said)::bigint as merge_characters,
    (select count(*) from untaken)::int as memories,
    (select coalesce(sum(length(summary)), 0) from untaken)::bigint as memory_characters,
    (select count(*) from untaken where transcript ~ '\S')::int as transcripts,
    (select coalesce(sum(length(transcript)), 0) from untaken)::bigint as transcript_characters,
    (select count(*) from bare)::int as not_analysed,
    (select coalesce(sum(length(transcript)), 0) from bare)::bigint as extract_characters,
    (select count(*) from link l join everybody e using (contact_id)
     where l.org_id = %(org_id)s and l.status = 'open')::int as linked,
    (select count(*) from link l where l.org_id = %(org_id)s and l.status = 'open')::int as known
