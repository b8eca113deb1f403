select * from app where org_id = %(org_id)s and deleted_at is null order by created_at, app_id
