-- The run in flight becomes a full one; whoever works on it has lost its lane and takes it up again.
update run set full_read = true
where org_id = %(org_id)s and app_id = %(app_id)s and kind = 'inbound' and status in ('queued', 'running')
returning run_id
