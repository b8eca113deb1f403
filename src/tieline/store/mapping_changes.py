"""What saving other mappings does to the links of a tenant, in the transaction of the save. Set-based.

Must never make a link dirty: an existing value is not pushed because a mapping came, and a removed one is no clear.
"""

from tieline.domain.mapping_changes import MappingChange
from tieline.store.pool import Connection, Queries

_sql = Queries("mapping_changes")


async def change_links(
    connection: Connection, org_id: str, tenant_key: str, change: MappingChange, *, shared: bool
) -> None:
    """Forgets removed pairs, notes the present values of pairs that are written from now on, and forgets what pairs
    agreed to differ in that are read from now on.

    `shared`: another linked app keeps these links, so that only pairs are noted which it does not have.
    """
    if not (change.removed or change.outbound or change.inbound):
        return
    key = {"org_id": org_id, "tenant_key": tenant_key}
    await connection.execute(_sql["lock_links"], key)
    if change.removed and not shared:
        await connection.execute(_sql["forget_pairs"], {**key, "keys": list(change.removed)})
    if change.inbound and not shared:
        await connection.execute(_sql["renew_pairs"], {**key, "keys": list(change.inbound)})
    for pair, name in change.outbound:
        noted = {**key, "key": pair, "field_name": name, "only_absent": shared}
        await connection.execute(_sql["seed_pair"], noted)


async def read_all_again(connection: Connection, org_id: str, app_id: str, run_id: str) -> None:
    """Makes the run in flight a full one that starts again, else queues one as `run_id`."""
    key = {"org_id": org_id, "app_id": app_id}
    await connection.execute(_sql["restart_full_read"], key)
    widened = await (await connection.execute(_sql["widen_run"], key)).fetchall()
    if not widened:
        await connection.execute(_sql["queue_full_run"], {**key, "run_id": run_id})


async def leave_tenant(
    connection: Connection, org_id: str, app_id: str, tenant_key: str, *, close_links: bool
) -> None:
    """Forgets where the app's reads stand and closes the tenant's links, if asked."""
    key = {"org_id": org_id, "tenant_key": tenant_key}
    await connection.execute(_sql["forget_reads"], {"org_id": org_id, "app_id": app_id})
    if close_links:
        await connection.execute(_sql["lock_links"], key)
        await connection.execute(_sql["close_links"], key)
