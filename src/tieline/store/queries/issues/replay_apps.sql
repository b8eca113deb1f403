-- What waits to be read is read by a run: the next recurring one is due now. The apps whose flows are to look.
update app a set next_sync_at = least(a.next_sync_at, now())
from issue i
where i.org_id = %(org_id)s and i.issue_id = any(%(issue_ids)s) and i.closed_at is null
    and a.org_id = i.org_id and a.app_id = i.app_id and a.deleted_at is null
returning a.app_id
