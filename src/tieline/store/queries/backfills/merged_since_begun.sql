select distinct c.contact_id from conversation c
join contact_merge m on m.org_id = c.org_id and m.survivor_id = c.contact_id and m.undone_at is null
join run r on r.org_id = c.org_id and r.run_id = %(run_id)s and m.merged_at >= r.started_at
where {matching}
    and {telling}
order by c.contact_id
