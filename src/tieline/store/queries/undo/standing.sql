-- An undo of the same that was begun and did not come to its end.
select u.run_id, u.last_contact_id from undo u
join run r on r.org_id = u.org_id and r.run_id = u.run_id and r.status = 'running'
where u.org_id = %(org_id)s and u.request = %(request)s
order by u.run_id
limit 1
for update of u
