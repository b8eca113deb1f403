select cause from issue
where org_id = %(org_id)s and kind = 'merge_proposed' and closed_at is null
  and array[raw ->> 'loser', raw ->> 'survivor'] @> %(pair)s::text[]
