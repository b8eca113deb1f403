-- The first of every cause before the second of any.
select external_id, finding, why
from (
    select external_id, finding, why, row_number() over (partition by why order by external_id) as place
    from audit_record
    where org_id = %(org_id)s and run_id = %(run_id)s and finding is not null
) f
order by place, why limit %(limit)s
