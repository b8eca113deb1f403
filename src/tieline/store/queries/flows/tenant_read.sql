insert into tenant_read (org_id, tenant_key, first_read_at)
values (%(org_id)s, %(tenant_key)s, %(completed_at)s)
on conflict do nothing
