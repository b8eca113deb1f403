"""Who was ever tied to whom: records and contacts, watched after every commit, so that a check knows the past."""

from collections import defaultdict
from datetime import datetime

from tieline.domain.changeset import LinkStatus
from tieline.testing.simulation import setting
from tieline.testing.simulation.scene import Scene


class Ties:
    """Watches the links of a world. `first_home` is the contact that a conversation
    was attached to first; `moved` are records whose link was ever reset or changed its contact; `died` those
    that ever left the CRM. `unconnected` are conversations that were here while no CRM was connected."""

    def __init__(self, world: Scene) -> None:
        self._world = world
        self._ever: set[tuple[str, str]] = set()
        self._since: dict[tuple[str, str], datetime] = {}
        self._last: dict[str, tuple[LinkStatus, str | None]] = {}
        self._seen_records: set[str] = set()
        self.first_home: dict[str, str] = {}
        self.moved: set[str] = set()
        self.died: set[str] = set()
        self.unconnected: set[str] = set()
        world.watchers.append(self.note)

    def note(self) -> None:
        """Called after every commit and every write in the CRM."""
        now_open = set()
        for key, row in self._world.memory.tables.links.items():
            if key[0] != setting.ORG:
                continue
            link, record_id = row.state, key[2]
            here = (link.status, link.contact_id)
            if self._last.setdefault(record_id, here) != here:
                self.moved.add(record_id)
                self._last[record_id] = here
            if link.status is LinkStatus.OPEN and link.contact_id:
                self._ever.add((record_id, link.contact_id))
                now_open.add((record_id, link.contact_id))
        for tie in now_open:
            self._since.setdefault(tie, self._world.clock.now())
        self._since = {tie: at for tie, at in self._since.items() if tie in now_open}
        for key, talk in self._world.memory.tables.conversations.items():
            if key[0] == setting.ORG and talk.contact_id:
                self.first_home.setdefault(key[2], talk.contact_id)
        if self._world.org.app_id is None or not self._world.app.tenant_key:
            self.unconnected |= {
                key[2] for key in self._world.memory.tables.conversations if key[0] == setting.ORG
            }
        living = set(self._world.crm.records())
        self.died |= self._seen_records - living
        self._seen_records |= living

    def root(self, contact_id: str) -> str:
        """The contact, or what it was merged into."""
        row = self._world.memory.tables.contacts.get((setting.ORG, contact_id))
        while row is not None and row.merged_into is not None:
            contact_id = row.merged_into
            row = self._world.memory.tables.contacts.get((setting.ORG, contact_id))
        return contact_id

    def contacts_of(self, record_id: str) -> set[str]:
        """Contacts for which this record ever spoke."""
        chronicle = self._world.chronicle
        return {self.root(c) for r, c in self._ever if r == record_id or chronicle.same_person(r, record_id)}

    def may_speak_for(self, record_id: str, contact_id: str) -> bool:
        """Whether a value of this record may stand on the contact: it is the contact's record, or was its last one.

        A contact that was merged in brings its own with it.
        """
        chronicle = self._world.chronicle
        if record_id not in {r for r, _ in self._ever}:
            own = {
                r for r, c in self._ever if chronicle.same_person(r, record_id) and self.root(c) == contact_id
            }
            return bool(own)
        ever = {c for r, c in self._ever if chronicle.same_person(r, record_id)}
        if any(c != contact_id and self.root(c) == contact_id for c in ever):
            return True
        if contact_id not in ever:
            return False
        current = {r for (r, c) in self._since if self.root(c) == contact_id}
        return not current or any(chronicle.same_person(r, record_id) for r in current)

    def connected(self, one: str, other: str) -> bool:
        """Whether a chain of records and contacts, each tied at some time, leads from one contact to the other."""
        edges: dict[str, set[str]] = defaultdict(set)
        for record_id, contact_id in self._ever:
            edges[f"r:{record_id}"].add(self.root(contact_id))
            edges[self.root(contact_id)].add(f"r:{record_id}")
        for a, b in self._world.chronicle.merged:
            edges[f"r:{a}"].add(f"r:{b}")
            edges[f"r:{b}"].add(f"r:{a}")
        seen, todo = {one}, [one]
        while todo:
            for node in edges[todo.pop()] - seen:
                seen.add(node)
                todo.append(node)
        return other in seen

    def linked_since(self, contact_id: str, at: datetime) -> bool:
        """Whether the contact itself has a record now, and had it without a break since then."""
        return any(c == contact_id and since <= at for (_, c), since in self._since.items())
