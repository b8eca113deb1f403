-- What was done to a field that has gone since was done to another field, whatever its name.
select c.platform || ':' || c.conversation_id as ref,
    floor(extract(epoch from coalesce(c.ended_at, c.started_at, c.created_at)) * 1000)::bigint as ended_ms,
    a.analysis_data_name, a.field_name, a.analysis_version, a.outcome, a.contribution
from conversation c
join analysis_application a on a.org_id = c.org_id and a.platform = c.platform and a.conversation_id = c.conversation_id
left join custom_field f on f.org_id = c.org_id and f.name = a.field_name and f.deleted_at is null
where c.org_id = %(org_id)s and c.contact_id = %(contact_id)s and a.field_name = any(%(fields)s)
    and (f.created_at is null or a.applied_at >= f.created_at)
order by ended_ms, ref
