-- Apps that were saved while their CRM could not be reached: their connection is tried again at the time of their next sync.
with due as (
    select a.org_id, a.app_id
    from app a
    where a.deleted_at is null and a.next_sync_at <= clock_timestamp() and a.stopped_reason is null
        and a.auth_ciphertext is not null
        and (a.connection_status = 'not_connected' or (a.connection_status = 'connected' and not a.mappings_checked))
    order by a.next_sync_at
    limit 200
    for update skip locked
)
update app a set next_sync_at = clock_timestamp() + make_interval(secs => a.sync_interval_s)
from due d
where a.org_id = d.org_id and a.app_id = d.app_id
returning a.org_id, a.app_id
