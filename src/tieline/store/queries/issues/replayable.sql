select issue_id from issue
where org_id = %(org_id)s and closed_at is null and kind <> all(%(never)s)
    and (%(issue_ids)s::text[] is null or issue_id = any(%(issue_ids)s))
    and (%(app_id)s::text is null or app_id = %(app_id)s)
    and (%(kind)s::text is null or kind = %(kind)s)
order by opened_at, issue_id
