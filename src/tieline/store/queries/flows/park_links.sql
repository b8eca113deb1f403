-- Records that pass contacts on to each other would collide half-way; so they let go of theirs first.
update link set status = 'closed'
where org_id = %(org_id)s and tenant_key = %(tenant_key)s and external_id = any(%(external_ids)s) and status = 'open'
