-- A page may come twice, after an interruption or because the CRM's list moved: what was found and settled stays.
insert into audit_record as n (org_id, run_id, external_id, finding, why)
select %(org_id)s, %(run_id)s, r.external_id, r.finding, coalesce(r.why, '')
from jsonb_to_recordset(%(rows)s) as r(external_id text, finding text, why text)
order by r.external_id
on conflict (org_id, run_id, external_id) do update
set finding = excluded.finding, why = excluded.why, settled = false
where n.finding is null and excluded.finding is not null
returning (xmax = 0) as added
