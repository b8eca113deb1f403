-- The fence. KEY SHARE lets the holder renew meanwhile and makes a takeover wait for this transaction's end. The second
-- column bounds that wait: the server itself ends the transaction of a client that was frozen in the middle of it.
select token, set_config('idle_in_transaction_session_timeout', %(idle_ms)s, true)
from lease
where org_id = %(org_id)s and app_id = %(app_id)s and lane = %(lane)s and token = %(token)s
for key share
