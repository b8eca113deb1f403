select cause from issue
where org_id = %(org_id)s and closed_at is null
  and (
    app_id = %(app_id)s and (external_id = any(%(external_ids)s) or (external_id is null and contact_id is null))
    or contact_id = any(%(contact_ids)s)
  )
