-- The pages before the cursor were read with the former mappings.
update read_state set cursor = null where org_id = %(org_id)s and app_id = %(app_id)s and kind = 'full'
