select member_id from member
where org_id = %(org_id)s and role = 'owner' and deleted_at is null
for update
