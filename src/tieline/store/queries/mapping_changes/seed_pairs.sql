-- A pair that is written from now on agrees with what the contact has now, so that only later changes are pushed. Of a pair
-- that was read before, the CRM's half of the base stays; of one that never agreed on anything, nobody has looked at it.
with seed as (
    select l.external_id, p.key, l.state -> p.key as known,
        coalesce(
            case p.field_name
                when 'first_name' then to_jsonb(c.first_name)
                when 'last_name' then to_jsonb(c.last_name)
                when 'do_not_call' then to_jsonb(c.do_not_call)
                else c.custom_fields -> p.field_name
            end,
            'null'
        ) as value
    from link l
    join contact c on c.org_id = l.org_id and c.contact_id = l.contact_id
    cross join jsonb_to_recordset(%(pairs)s) as p (key text, field_name text)
    where l.org_id = %(org_id)s and l.tenant_key = %(tenant_key)s and l.status = 'open'
        and (not %(only_absent)s or not l.state ? p.key)
), noted as (
    select external_id, jsonb_object_agg(
        key,
        case
            when known is null or known ? 'n' then jsonb_build_object('l', value)
            else (known - array['v', 'l']) || jsonb_build_object('l', value)
                || case when known ? 'v' then jsonb_build_object('r', known -> 'v') else '{}' end
        end
    ) as state
    from seed
    where case
        when known is null or known ? 'n' then value <> 'null'
        else coalesce(known -> 'v', known -> 'l', 'null') <> value
    end
    group by external_id
)
update link l
set state = l.state || n.state, version = l.version + 1
from noted n
where l.org_id = %(org_id)s and l.tenant_key = %(tenant_key)s and l.external_id = n.external_id
