select attname as name, attidentity <> '' as is_identity from pg_attribute
where attrelid = %(table)s::regclass and attnum > 0 and not attisdropped and attgenerated = ''
order by attnum
