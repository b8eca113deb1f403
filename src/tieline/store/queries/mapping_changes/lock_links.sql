-- In the order in which every unit of work locks links, and before it looks at contacts.
select external_id from link where org_id = %(org_id)s and tenant_key = %(tenant_key)s order by external_id for no key update
