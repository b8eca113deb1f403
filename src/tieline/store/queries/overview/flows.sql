-- The four flows in figures: what they did in the last day, and what waits.
select
    (select count(*) from ledger where org_id = %(org_id)s and recorded_at > %(since)s and source_kind = 'crm' and outcome = 'set')
        as from_crm,
    (select count(*) from ledger where org_id = %(org_id)s and recorded_at > %(since)s and source_kind = 'conversation'
        and outcome = 'set') as from_talks,
    (select count(*) from link where org_id = %(org_id)s and confirmed_write_at > %(since)s) as pushed,
    (select count(*) from activity where org_id = %(org_id)s and status = 'done' and created_at > %(since)s) as logged,
    (select count(*) from link where org_id = %(org_id)s and dirty_at is not null and status = 'open') as push_waits,
    (select min(dirty_at) from link where org_id = %(org_id)s and dirty_at is not null and status = 'open') as push_since,
    (select count(*) from conversation where org_id = %(org_id)s and due_at is not null) as talks_wait,
    (select count(*) from activity where org_id = %(org_id)s and status = 'due' and due_at is not null) as log_waits
