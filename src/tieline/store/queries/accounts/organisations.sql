select org_id, name, created_at from organisation order by created_at, org_id
