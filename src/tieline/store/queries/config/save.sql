update crm_config
set app_id = %(app_id)s, contact_columns_order = %(contact_columns_order)s, contact_tags = %(contact_tags)s,
    contact_memory_update_prompt = %(contact_memory_update_prompt)s,
    contact_memory_enabled = %(contact_memory_enabled)s
where org_id = %(org_id)s
