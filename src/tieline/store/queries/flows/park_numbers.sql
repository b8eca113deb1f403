-- Contacts that pass numbers on to each other would collide half-way; so they let go of theirs first.
update contact set phone_number = 'moving:' || contact_id
where org_id = %(org_id)s and contact_id = any(%(contact_ids)s)
