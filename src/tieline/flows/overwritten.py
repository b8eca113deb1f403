"""After a batch was written: what it overwrote unseen is read from the CRM's field history and kept in the ledger.

Only where the connector declares field history. The write is settled by then; a history that cannot be read takes
nothing back and holds nothing up.
"""

from collections.abc import Callable, Mapping
from typing import cast

from tieline.domain.crm_schema import CrmField
from tieline.domain.mapping import MappingSet
from tieline.domain.plan_history import plan_overwritten
from tieline.domain.plan_outbound import PlannedWrite
from tieline.flows.known import known_of_links
from tieline.ports.config import AppConfig
from tieline.ports.crm import Capability, CrmSession
from tieline.ports.errors import ConflictError, CredentialsInvalidError, CrmError
from tieline.ports.history import FieldHistory, HistoryReader
from tieline.ports.store import Lease, Origin, Store

_TRIES = 5


async def note_overwritten(
    store: Store,
    lease: Lease,
    session: CrmSession,
    app: AppConfig,
    mapping: MappingSet,
    fields: Mapping[str, CrmField],
    writes: Mapping[str, PlannedWrite],
    new_id: Callable[[], str],
    origin: Origin,
) -> None:
    """Looks at the fields that these confirmed writes set, in one batched read."""
    histories = await _histories(session, fields, writes)
    if not histories:
        return
    for attempt in range(_TRIES):
        try:
            async with store.transaction(lease) as uow:
                known = await known_of_links(uow, app.org_id, app.app_id, app.tenant_key, list(writes))
                changes = plan_overwritten(writes, histories, known, mapping, app.tenant_key, new_id)
                if changes:
                    await uow.apply(app.org_id, changes, origin)
            return
        except ConflictError:
            if attempt + 1 == _TRIES:
                raise


async def _histories(
    session: CrmSession, fields: Mapping[str, CrmField], writes: Mapping[str, PlannedWrite]
) -> FieldHistory:
    connector = session.connector
    if not writes or Capability.FIELD_HISTORY not in connector.spec.capabilities:
        return {}
    reader = cast(HistoryReader, connector)
    names = {name for write in writes.values() for name in write.patch.values}
    written = [field for name, field in fields.items() if name in names]
    try:
        return await session.run(reader.read_history(written, list(writes)))
    except CredentialsInvalidError:
        raise
    except CrmError:
        # Evidence of a moment, for the ledger only: the next push must not wait for it.
        return {}
