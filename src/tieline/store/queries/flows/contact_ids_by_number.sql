select phone_number, contact_id from contact
where org_id = %(org_id)s and phone_number = any(%(phones)s) and merged_into is null and deleted_at is null
