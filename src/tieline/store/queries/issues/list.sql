-- An issue is a contact's if it says so, or if it asks whether that contact and another are one.
select * from issue
where org_id = %(org_id)s
    and case %(state)s when 'open' then closed_at is null when 'closed' then closed_at is not null else true end
    and (%(app_id)s::text is null or app_id = %(app_id)s)
    and (%(run_id)s::text is null or run_id = %(run_id)s)
    and (%(contact_id)s::text is null or contact_id = %(contact_id)s
        or kind in ('merge_proposed', 'ambiguous_alias')
            and jsonb_path_exists(raw, '$.** ? (@ == $id)', jsonb_build_object('id', %(contact_id)s::text)))
    and (%(kind)s::text is null or kind = %(kind)s)
    and (%(after_id)s::text is null or (opened_at, issue_id) < (
        select opened_at, issue_id from issue where org_id = %(org_id)s and issue_id = %(after_id)s
    ))
order by opened_at desc, issue_id desc
limit %(limit)s
