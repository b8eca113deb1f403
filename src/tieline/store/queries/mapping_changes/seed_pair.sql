-- A pair that is written from now on agrees with what the contact has now, so that only later changes are pushed. Of a pair
-- that was read before, the CRM's half of the base stays; of one that never agreed on anything, nobody has looked at it.
-- Of a text the record gave what the base remembers, or what it set last: the rest is not its people's (`t`).
-- One pair a statement, and no join of links with themselves: right after an import the planner knows no row counts.
update link l
set state = l.state || jsonb_build_object(
        %(key)s::text,
        case
            when l.state -> %(key)s is null or l.state -> %(key)s ? 'n' then jsonb_build_object('l', s.value)
            else (l.state -> %(key)s) - array['v', 'l', 't'] || jsonb_build_object('l', s.value)
                || case when l.state -> %(key)s ? 'v' then jsonb_build_object('r', l.state -> %(key)s -> 'v') else '{}' end
        end
        || (
            select case
                when jsonb_typeof(s.value) <> 'string' or given = s.value then '{}'
                when jsonb_typeof(given) = 'string' then jsonb_build_object('t', given)
                else jsonb_build_object('t', '')
            end
            from (
                select case
                    when l.state -> %(key)s is null or l.state -> %(key)s ? 'n' then (
                        select new_value from ledger
                        where org_id = c.org_id and contact_id = c.contact_id and field_name = %(field_name)s
                            and source_kind = 'crm' and outcome = 'set'
                            and right(source_ref, length(%(tenant_key)s) + 1) = '@' || %(tenant_key)s
                        order by entry_id desc limit 1
                    )
                    else coalesce(l.state -> %(key)s -> 't', l.state -> %(key)s -> 'v', l.state -> %(key)s -> 'l')
                end as given
            ) record
        )
    ),
    version = l.version + 1
from contact c
cross join lateral (
    select coalesce(
        case %(field_name)s::text
            when 'first_name' then to_jsonb(c.first_name)
            when 'last_name' then to_jsonb(c.last_name)
            when 'do_not_call' then to_jsonb(c.do_not_call)
            else c.custom_fields -> %(field_name)s
        end,
        'null'
    ) as value
) s
where l.org_id = %(org_id)s and l.tenant_key = %(tenant_key)s and l.status = 'open'
    and c.org_id = l.org_id and c.contact_id = l.contact_id
    and case
        when l.state -> %(key)s is null then s.value <> 'null'
        when %(only_absent)s then false
        when l.state -> %(key)s ? 'n' then s.value <> 'null'
        else coalesce(l.state -> %(key)s -> 'v', l.state -> %(key)s -> 'l', 'null') <> s.value
    end
