select position, line from dry_run_line
where org_id = %(org_id)s and dry_run_id = %(dry_run_id)s and position > %(after)s
  and (%(action)s::text is null or action = %(action)s)
  and (%(side)s::text is null or side = %(side)s)
order by position limit %(limit)s
