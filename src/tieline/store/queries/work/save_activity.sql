-- The wanted content may have changed since the row was taken up: then the activity is due again.
update activity
set contact_id = %(contact_id)s, external_id = %(external_id)s, activity_id = %(activity_id)s,
    written_hash = %(written_hash)s, written = %(written)s, intent_at = %(intent_at)s, attempts = %(attempts)s,
    status = case when %(status)s = 'done' and wanted_hash <> %(wanted_hash)s then 'due' else %(status)s end,
    due_at = case when %(status)s = 'done' and wanted_hash <> %(wanted_hash)s then now() else %(due_at)s end
where org_id = %(org_id)s and tenant_key = %(tenant_key)s and platform = %(platform)s
  and conversation_id = %(conversation_id)s
