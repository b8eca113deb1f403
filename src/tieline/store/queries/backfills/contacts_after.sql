select distinct c.contact_id from conversation c
where {matching}
    and {telling} and c.contact_id > %(after)s
order by c.contact_id limit %(limit)s
