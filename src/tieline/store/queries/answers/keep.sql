insert into llm_answer (org_id, key, engine, answer) values (%(org_id)s, %(key)s, %(engine)s, %(answer)s)
on conflict (org_id, key) do nothing
