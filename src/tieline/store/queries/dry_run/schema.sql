select n.nspname as schema from pg_class c join pg_namespace n on n.oid = c.relnamespace
where c.oid = %(table)s::regclass
