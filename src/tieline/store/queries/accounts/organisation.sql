select org_id, name, created_at from organisation where org_id = %(org_id)s
