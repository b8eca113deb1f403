insert into custom_field (org_id, field_id, name, type, label, description, options, position, created_at)
values (
    %(org_id)s, %(field_id)s, %(name)s, %(type)s, %(label)s, %(description)s, %(options)s, %(position)s, %(now)s
)
on conflict (org_id, field_id) do update
set label = excluded.label, description = excluded.description, options = excluded.options,
    position = excluded.position
