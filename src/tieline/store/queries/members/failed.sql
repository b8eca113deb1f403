-- The tenth failure in a row locks the door for a while, and each further one again.
update member set failed_attempts = failed_attempts + 1,
    locked_until = case when failed_attempts + 1 >= %(allowed)s then %(until)s else locked_until end
where org_id = %(org_id)s and member_id = %(member_id)s
