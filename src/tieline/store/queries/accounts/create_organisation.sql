insert into organisation (org_id, name, created_at) values (%(org_id)s, %(name)s, %(now)s)
on conflict do nothing
returning org_id, name, created_at
