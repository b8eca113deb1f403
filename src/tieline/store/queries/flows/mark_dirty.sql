update link set dirty_at = now(), push_not_before = null, version = version + 1
where org_id = %(org_id)s and contact_id = any(%(contact_ids)s) and status = 'open' and dirty_at is null
