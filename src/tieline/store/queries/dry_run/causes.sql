select cause from issue where org_id = %(org_id)s and closed_at is null and cause = any(%(causes)s)
