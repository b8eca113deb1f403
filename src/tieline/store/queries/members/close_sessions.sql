delete from web_session where org_id = %(org_id)s and member_id = %(member_id)s
