update contact c
set phone_number = coalesce(r.phone_number, c.phone_number),
    first_name = case when r.built_in ? 'first_name' then r.built_in ->> 'first_name' else c.first_name end,
    last_name = case when r.built_in ? 'last_name' then r.built_in ->> 'last_name' else c.last_name end,
    do_not_call = case when r.built_in ? 'do_not_call' then (r.built_in ->> 'do_not_call')::boolean
                       else c.do_not_call end,
    contact_memory = case when r.built_in ? 'contact_memory' then r.built_in ->> 'contact_memory' else c.contact_memory end,
    custom_fields = (c.custom_fields - r.cleared) || r.custom_fields,
    sources = c.sources || r.sources,
    user_modified_at = case when r.by_person then now() else c.user_modified_at end,
    version = c.version + 1
from (
    select contact_id, phone_number, built_in, custom_fields, sources, by_person,
           array(select jsonb_array_elements_text(cleared)) as cleared
    from jsonb_to_recordset(%(rows)s) as x(contact_id text, phone_number text, built_in jsonb, custom_fields jsonb,
                                           sources jsonb, cleared jsonb, by_person boolean)
) r
where c.org_id = %(org_id)s and c.contact_id = r.contact_id
