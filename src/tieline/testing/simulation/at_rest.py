"""A world at rest, as the checks see it: what Tieline holds, what the CRM shows, and who was ever tied to whom."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from tieline.domain.changeset import LinkState, LinkStatus
from tieline.domain.mapping import Pair
from tieline.domain.records import RemoteRecord
from tieline.domain.values import ABSENT, Value
from tieline.flows.configuration import effective
from tieline.testing.simulation import setting
from tieline.testing.simulation.scene import Scene
from tieline.testing.simulation.tables import ContactRow
from tieline.testing.simulation.ties import Ties


@dataclass(slots=True)
class AtRest:
    """A world at rest: the records as the CRM gives them now, the pairs, who was ever tied to whom."""

    world: Scene
    records: Mapping[str, RemoteRecord]
    pairs: tuple[Pair, ...]
    ties: Ties

    @property
    def links(self) -> dict[str, LinkState]:
        """Links by record."""
        tables = self.world.memory.tables
        return {key[2]: row.state for key, row in tables.links.items() if key[0] == setting.ORG}

    @property
    def contacts(self) -> dict[str, ContactRow]:
        """Living contacts by id."""
        rows = self.world.memory.tables.contacts.items()
        return {key[1]: row for key, row in rows if key[0] == setting.ORG and row.merged_into is None}

    def open_links(self) -> Iterator[tuple[LinkState, ContactRow, RemoteRecord]]:
        """Primary records that live, with their contacts."""
        contacts = self.contacts
        for link in self.links.values():
            record = self.records.get(link.external_id)
            if link.status is LinkStatus.OPEN and record is not None and link.contact_id in contacts:
                yield link, contacts[link.contact_id], record

    def mapped_later(self, pair: Pair, link: LinkState, local: Value, remote: Value) -> bool:
        """Whether the difference was there when the field was mapped so, and nobody has changed either side since: an
        existing value is not written because a mapping came.
        """
        state = link.pairs.get(pair.key)
        if pair.field.name not in self.world.chronicle.remapped or state is None or state.base.new:
            return False
        agreed = state.base.remote
        theirs = agreed is not ABSENT and pair.remote_form(agreed) == pair.remote_form(remote)
        return theirs and pair.local_form(state.base.local) == pair.local_form(local)

    def excused(self, link: LinkState, field_name: str) -> bool:
        """Whether an open issue names this field of this record or contact."""
        notes = (row.note for key, row in self.world.memory.tables.issues.items() if key[0] == setting.ORG)
        return any(
            note.field_name == field_name
            and (note.external_id == link.external_id or note.contact_id == link.contact_id)
            for note in notes
        )


async def look(world: Scene, ties: Ties) -> AtRest:
    """The CRM's records through its API, with a session that nothing has meddled with."""
    app = world.app
    assert app.schema is not None
    how = effective(app, world.org, app.schema)
    session, ids = world.look_session(), sorted(world.crm.records())
    found = await session.run(session.connector.read_by_ids(how.crm_fields(app.schema), ids)) if ids else None
    records = {record.external_id: record for record in found.records} if found else {}
    return AtRest(world, records, how.mapping.pairs, ties)
