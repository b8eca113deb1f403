update contact set contact_tag_ids = %(tag_ids)s, user_modified_at = %(now)s
where org_id = %(org_id)s and contact_id = %(contact_id)s
