insert into crm_config (org_id) select org_id from organisation where org_id = %(org_id)s on conflict do nothing
