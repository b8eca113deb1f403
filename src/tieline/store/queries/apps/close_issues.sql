update issue set closed_at = now(), closed_because = %(because)s
where org_id = %(org_id)s and app_id = %(app_id)s and closed_at is null and external_id is null and contact_id is null
