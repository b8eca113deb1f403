delete from webhook_secret where org_id = %(org_id)s and secret_id = %(secret_id)s returning secret_id
