select phone_number, origin from contact_alias
where org_id = %(org_id)s and contact_id = %(contact_id)s
order by phone_number
