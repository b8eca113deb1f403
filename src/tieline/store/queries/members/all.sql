select org_id, member_id, email, name, role, created_at from member
where org_id = %(org_id)s and deleted_at is null
order by created_at, member_id
