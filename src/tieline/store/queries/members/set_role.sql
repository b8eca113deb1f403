update member set role = %(role)s
where org_id = %(org_id)s and member_id = %(member_id)s and deleted_at is null
returning member_id
