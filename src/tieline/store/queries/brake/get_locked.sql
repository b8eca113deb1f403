select * from brake where org_id = %(org_id)s and brake_id = %(brake_id)s for update
