-- What is old goes on the way: an answer is of use from a preview to its run, and it holds what callers said.
with old as (
    delete from llm_answer where org_id = %(org_id)s and created_at < now() - interval '30 days'
)
insert into llm_answer (org_id, key, engine, answer) values (%(org_id)s, %(key)s, %(engine)s, %(answer)s)
on conflict (org_id, key) do nothing
