insert into brake (org_id, brake_id, app_id, flow, status, shown, known, sample, settings, run_id, stopped_at, seen_at,
                   decided_at, decided_by, note, expires_at, ended_at, ended_because)
values (%(org_id)s, %(brake_id)s, %(app_id)s, %(flow)s, %(status)s, %(shown)s, %(known)s, %(sample)s, %(settings)s,
        %(run_id)s, %(stopped_at)s, %(seen_at)s, %(decided_at)s, %(decided_by)s, %(note)s, %(expires_at)s, %(ended_at)s,
        %(ended_because)s)
on conflict (org_id, brake_id) do update
set status = excluded.status, shown = excluded.shown, known = excluded.known, sample = excluded.sample,
    settings = excluded.settings, run_id = excluded.run_id, seen_at = excluded.seen_at, decided_at = excluded.decided_at,
    decided_by = excluded.decided_by, note = excluded.note, expires_at = excluded.expires_at,
    ended_at = excluded.ended_at, ended_because = excluded.ended_because
