-- A link that was made or looked at since the audit began may belong to a record that is younger than the CRM's list.
select count(*) filter (where n.external_id is null and l.read_ms < %(started_ms)s) as unlisted, count(*) as open_links
from link l
left join audit_record n on n.org_id = l.org_id and n.run_id = %(run_id)s and n.external_id = l.external_id
where l.org_id = %(org_id)s and l.tenant_key = %(tenant_key)s and l.status = 'open'
