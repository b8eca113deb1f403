update contact
set contact_tag_ids = case when %(set_tags)s then %(tag_ids)s else contact_tag_ids end,
    contact_memory = case when %(set_memory)s then %(memory)s else contact_memory end,
    user_modified_at = %(now)s
where org_id = %(org_id)s and contact_id = %(contact_id)s
