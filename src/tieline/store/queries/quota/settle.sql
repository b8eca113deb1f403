update quota
set waiting_lanes = %(lanes)s::text[], waiting_since = case when %(lanes)s::text[] <> '{}' then waiting_since end
where org_id = %(org_id)s and app_id = %(app_id)s and waiting_lanes = %(seen)s::text[]
returning 1
