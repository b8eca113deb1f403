-- A condition: the contact with that number, else the only one with that alias.
c.contact_id = coalesce(
    (
        select contact_id from contact
        where org_id = %(org_id)s and phone_number = %(phone_number)s and merged_into is null and deleted_at is null
    ),
    (
        select min(a.contact_id) from contact_alias a
        join contact known on known.org_id = a.org_id and known.contact_id = a.contact_id
            and known.merged_into is null and known.deleted_at is null
        where a.org_id = %(org_id)s and a.phone_number = %(phone_number)s
        having count(*) = 1
    )
)
