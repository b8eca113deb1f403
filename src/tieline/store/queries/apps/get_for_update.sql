select * from app where org_id = %(org_id)s and app_id = %(app_id)s and deleted_at is null for no key update
