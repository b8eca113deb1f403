update app set connection_status = %(status)s, status_reason = %(reason)s
where org_id = %(org_id)s and app_id = %(app_id)s
  and (connection_status, status_reason) is distinct from (%(status)s, %(reason)s)
