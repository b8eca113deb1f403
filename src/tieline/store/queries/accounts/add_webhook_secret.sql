insert into webhook_secret (org_id, secret_id, name, ciphertext, created_at)
values (%(org_id)s, %(secret_id)s, %(name)s, %(ciphertext)s, %(now)s)
returning org_id, secret_id, name, created_at
