select * from run where org_id = %(org_id)s and kind = 'backfill' order by created_at desc, run_id desc limit 1
