update dry_run set status = %(status)s, totals = %(totals)s, forecast = %(forecast)s, reason = %(reason)s,
    finished_at = now()
where org_id = %(org_id)s and dry_run_id = %(dry_run_id)s
