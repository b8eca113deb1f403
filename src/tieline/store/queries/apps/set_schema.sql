update app set schema = %(schema)s, schema_at = %(at)s where org_id = %(org_id)s and app_id = %(app_id)s
