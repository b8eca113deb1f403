-- Of a pair that was only written, the CRM's differing value was not for us and counted as seen. Now it is for us: the next
-- look is a first one. What is on its way stays known, so that it does not come back as the CRM's news.
update link l
set state = l.state || (
        select jsonb_object_agg(
            p.key,
            jsonb_build_object('l', null, 'r', null, 'n', true)
                || case when p.value ? 'f' then jsonb_build_object('f', p.value -> 'f') else '{}' end
        )
        from jsonb_each(l.state) as p(key, value)
        where p.key = any(%(keys)s) and p.value ? 'r' and not p.value ? 'n'
    ),
    version = l.version + 1
where l.org_id = %(org_id)s and l.tenant_key = %(tenant_key)s
    and exists (
        select from jsonb_each(l.state) as p(key, value)
        where p.key = any(%(keys)s) and p.value ? 'r' and not p.value ? 'n'
    )
