-- A condition: the contact of that id, or the survivor of the one that was merged away.
c.contact_id = (
    with recursive chain as (
        select contact_id, merged_into, 1 as depth from contact
        where org_id = %(org_id)s and contact_id = %(contact_id)s
        union all
        select next.contact_id, next.merged_into, chain.depth + 1
        from chain
        join contact next on next.org_id = %(org_id)s and next.contact_id = chain.merged_into
        where chain.depth < 100
    )
    select contact_id from chain where merged_into is null
)
