-- Contacts that a run changed, or, if it was an undo, whose conversations it took back.
select contact_id from (
    select contact_id from ledger
    where org_id = %(org_id)s and run_id = %(run_id)s and contact_id > %(after)s and outcome <> 'overruled'
    union
    select contact_id from undo_application
    where org_id = %(org_id)s and run_id = %(run_id)s and contact_id > %(after)s
) touched
order by contact_id
limit %(limit)s
