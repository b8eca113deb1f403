insert into member (org_id, member_id, email, name, role, password_hash, created_at)
values (%(org_id)s, %(member_id)s, %(email)s, %(name)s, %(role)s, %(password_hash)s, %(now)s)
on conflict do nothing
returning org_id, member_id, email, name, role, created_at
