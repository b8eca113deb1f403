"""Every change of a record: checking what a client sends, then creating, updating, archiving or merging.

Checks come before any change, so a refused write leaves nothing behind.
"""

import re
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from tieline.sandbox.hubspot.derived import at_creation, recomputed
from tieline.sandbox.hubspot.links import LinkType, Node
from tieline.sandbox.hubspot.portal import Portal
from tieline.sandbox.hubspot.records import Actor, Record, Snapshot, Version
from tieline.sandbox.hubspot.shelf import Shelf
from tieline.sandbox.hubspot.values import as_text, store_form
from tieline.sandbox.hubspot.wire import (
    ConflictError,
    HubSpotError,
    PropertyFault,
    bad_request,
    invalid_properties,
    iso,
)
from tieline.sandbox.kernel.exchange import Exchange

Link = tuple[Node, LinkType]
_NAMES = ("email", "firstname", "lastname")
_KEPT_VERSIONS = 45
MAX_MERGES = 250


class Checked(NamedTuple):
    """Stored forms of the values that were sent, and what is wrong with the others."""

    values: dict[str, str]
    faults: list[PropertyFault]


class Writer:
    """Changes one portal on behalf of one actor. `lag` overrides the portal's index lag, in seconds."""

    def __init__(
        self, portal: Portal, actor: Actor, exchange: Exchange | None = None, lag: float | None = None
    ) -> None:
        self._portal = portal
        self._actor = actor
        self._exchange = exchange
        self._lag = lag

    def check(self, shelf: Shelf, sent: Mapping[str, object], record: Record | None) -> Checked:
        """Checks names, writability, formats and rules; never whether a value is taken by another record."""
        properties = self._portal.properties(shelf)
        checked = Checked({}, [])
        for name, value in sent.items():
            item = properties.get(name)
            if item is None:
                message = f'Property "{name}" does not exist'
                checked.faults.append(PropertyFault(message, "PROPERTY_DOESNT_EXIST", name))
                continue
            if item.read_only:
                message = f'"{name}" is a read only property; its value cannot be set.'
                checked.faults.append(PropertyFault(message, "READ_ONLY_VALUE", name))
                continue
            current = record.state.props.get(name, "") if record else ""
            stored = store_form(item, as_text(value), current)
            if isinstance(stored, PropertyFault):
                checked.faults.append(stored)
            else:
                checked.values[name] = stored
        checked.faults.extend(self._rule_faults(shelf, checked.values))
        return checked

    def create(self, shelf: Shelf, values: Mapping[str, str], links: Sequence[Link] = ()) -> Record:
        """A new record with checked `values`; 400 for what is missing, 409 for a value that is taken."""
        self.require(shelf, values)
        self.require_free(shelf, values, None)
        for target, _ in links:
            self._require_end(target)
        self._record_faults([])
        at = self._portal.stamp(self._exchange)
        record_id = self._portal.next_id()
        props = {name: value for name, value in values.items() if value}
        props |= {name: value for name, value in recomputed(shelf.kind, props, props).items() if value}
        props |= at_creation(shelf.kind, record_id, props, self._actor, iso(at))
        record = Record(Snapshot(record_id, props, at, at), self._actor)
        shelf.put(record, self._portal.visible_at(self._lag))
        for target, kind in links:
            self._portal.links.add(Node(shelf.kind.name, record_id), target, kind)
        self._touched(record)
        return record

    def recompute(self, shelf: Shelf, record: Record, values: Mapping[str, str]) -> None:
        """Sets properties as HubSpot does by itself: read-only ones too, and on nobody's behalf."""
        at = self._portal.now()
        for name, value in values.items():
            self._keep_version(shelf, record, name, value, at)
        props = {**record.state.props, **values}
        moves = self._portal.settings.background_moves_modified
        modified = at if moves else record.state.modified
        self._replace(shelf, record, record.state._replace(props=props, modified=modified))

    def update(
        self, shelf: Shelf, record: Record, values: Mapping[str, str], at: int | None = None
    ) -> dict[str, str]:
        """Applies checked `values`; answers what was set or recomputed. `at` is the modified time to give."""
        self.require_free(shelf, values, record)
        self._record_faults([str(record.state.id), *map(str, record.merged)])
        moment = self._portal.stamp(self._exchange) if at is None else at
        accepted = {name: value for name, value in values.items() if self._goes_forward(record, name, value)}
        props = {**record.state.props, **accepted}
        changed = {**accepted, **recomputed(shelf.kind, props, accepted)}
        moves = self._portal.settings.identical_write_moves_modified
        if not moves and all(record.state.props.get(name, "") == value for name, value in changed.items()):
            return changed
        for name, value in changed.items():
            self._keep_version(shelf, record, name, value, moment)
        props |= changed
        props["hs_updated_by_user_id"] = str(self._actor.user_id)
        self._replace(shelf, record, record.state._replace(props=props, modified=moment))
        return changed

    def archive(self, shelf: Shelf, record: Record) -> None:
        at = self._portal.stamp(self._exchange)
        self._record_faults([str(record.state.id)])
        record.state = record.state._replace(archived_at=at, modified=at)
        shelf.retire(record, self._portal.visible_at(self._lag))
        self._touched(record)

    def restore(self, shelf: Shelf, record: Record) -> None:
        """Brings an archived record back; refused when its unique value was taken meanwhile."""
        self.require_free(shelf, record.state.props, None)
        shelf.archived.pop(record.state.id)
        record.state = record.state._replace(archived_at=None, modified=self._portal.stamp(self._exchange))
        shelf.put(record, self._portal.visible_at(self._lag))

    def erase(self, shelf: Shelf, record_id: int) -> None:
        """Removes a record as a privacy request does: also from the archived ones."""
        shelf.purge(record_id, self._portal.visible_at(self._lag))
        self._portal.links.drop(Node(shelf.kind.name, record_id))

    def merge(self, shelf: Shelf, winner: Record, loser: Record) -> Record:
        """The winner keeps its values and takes the loser's where it has none; associations move."""
        if len(winner.merged) + len(loser.merged) >= MAX_MERGES:
            raise bad_request(f"Contact {winner.state.id} has reached the maximum of {MAX_MERGES} merges")
        at = self._portal.stamp(self._exchange)
        due = self._portal.visible_at(self._lag)
        merged = {**winner.merged, **loser.merged, loser.state.id: at}
        props = {**loser.state.props, **{name: value for name, value in winner.state.props.items() if value}}
        self._withdraw(shelf, loser, due)
        survivor, new_id = winner, winner.state.id
        if self._portal.settings.merge_assigns_new_id:
            new_id = self._portal.next_id()
            merged[winner.state.id] = at
            self._withdraw(shelf, winner, due)
            survivor = Record(winner.state._replace(id=new_id), winner.creator, winner.history)
        survivor.merged = merged
        props |= _merge_marks(shelf, new_id, merged) | _extra_emails(winner, loser)
        props["hs_updated_by_user_id"] = str(self._actor.user_id)
        survivor.state = survivor.state._replace(props=props, modified=at)
        shelf.put(survivor, due)
        for old_id in merged:
            shelf.merged_into[old_id] = new_id
            self._portal.links.move(Node(shelf.kind.name, old_id), Node(shelf.kind.name, new_id))
        self._touched(survivor)
        return survivor

    def require_links(self, links: Sequence[Link]) -> None:
        """400 when an end of a new association is not there."""
        for target, _ in links:
            self._require_end(target)

    def _withdraw(self, shelf: Shelf, record: Record, due: int) -> None:
        shelf.purge(record.state.id, due)

    def _replace(self, shelf: Shelf, record: Record, state: Snapshot) -> None:
        for name in shelf.unique_names():
            old = record.state.props.get(name, "")
            if old and old != state.props.get(name, ""):
                shelf.forget_value(name, old, record.state.id)
        record.state = state
        shelf.put(record, self._portal.visible_at(self._lag))
        self._touched(record)

    def _goes_forward(self, record: Record, name: str, value: str) -> bool:
        """A lifecycle stage moves forward only, unless it was cleared first; a backward one is ignored."""
        current = record.state.props.get(name, "")
        if name != "lifecyclestage" or not value or not current:
            return True
        options = self._portal.shelves["contacts"].schema.properties[name].options
        order = [option.value for option in options]
        return current not in order or order.index(value) >= order.index(current)

    def _keep_version(self, shelf: Shelf, record: Record, name: str, value: str, at: int) -> None:
        if value == record.state.props.get(name, ""):
            return
        versions = record.versions(shelf.kind, name)
        record.history[name] = [Version(value, at, self._actor), *versions][:_KEPT_VERSIONS]

    def require(self, shelf: Shelf, values: Mapping[str, str]) -> None:
        """400 when a new record lacks what its type always needs."""
        given = {name for name, value in values.items() if value}
        if shelf.kind.name == "contacts" and not given & set(_NAMES):
            raise bad_request(f"At least one of the following properties is required: {', '.join(_NAMES)}")
        missing = [name for name in shelf.kind.required if name not in given]
        if missing:
            raise _missing(shelf, missing)

    def require_by_admin(self, shelf: Shelf, values: Mapping[str, str], *, new: bool) -> None:
        """The properties an administrator made required: given on creation, never cleared afterwards."""
        settings = self._portal.settings
        if not settings.write_enforcement:
            return
        required = settings.required_properties.get(shelf.kind.name, [])
        missing = [name for name in required if values.get(name, "" if new else "kept") == ""]
        if missing:
            raise _missing(shelf, missing)

    def require_free(self, shelf: Shelf, values: Mapping[str, str], record: Record | None) -> None:
        """409 when a unique value belongs to another record."""
        for name in shelf.unique_names():
            holder = shelf.holder(name, values.get(name, ""))
            if holder is None or (record is not None and holder == record.state.id):
                continue
            raise ConflictError(shelf.kind.singular.capitalize(), holder)

    def _require_end(self, target: Node) -> None:
        if target.id not in self._portal.shelves[target.kind].records:
            context = {"INVALID_OBJECT_IDS": [str(target.id)], "objectType": [target.kind]}
            raise bad_request("One or more associations are invalid", context)

    def _record_faults(self, record_ids: list[str]) -> None:
        """`lock` and `reject` faults on one record; without an exchange (admin edits) there are none."""
        if self._exchange is None:
            return
        faults = self._portal.faults
        if faults.take_record("lock", record_ids, self._exchange):
            raise locked()
        rule = faults.take_record("reject", record_ids, self._exchange)
        if rule is not None:
            fields = rule.arguments.get("fields")
            names = [str(name) for name in fields] if isinstance(fields, list) and fields else [""]
            code = str(rule.arguments.get("code") or "VALIDATION_ERROR")
            message = str(rule.arguments.get("message") or "The record was refused")
            raise invalid_properties([PropertyFault(message, code, name) for name in names])

    def _rule_faults(self, shelf: Shelf, values: Mapping[str, str]) -> list[PropertyFault]:
        faults: list[PropertyFault] = []
        for rule in self._portal.rules(shelf):
            name, pattern = str(rule["field"]), rule.get("pattern")
            value = values.get(name)
            if value and breaks_rule(value, pattern if isinstance(pattern, str) else None):
                faults.append(PropertyFault(str(rule["message"]), "PROPERTY_RULE_VIOLATION", name))
        return faults

    def _touched(self, record: Record) -> None:
        if self._exchange is not None:
            self._exchange.record_ids.append(str(record.state.id))


def breaks_rule(value: str, pattern: str | None) -> bool:
    """A rule without a pattern refuses every value but a clear; with one, what the pattern is found in."""
    return pattern is None or re.search(pattern, value) is not None


def locked() -> HubSpotError:
    """423: wait at least two seconds. https://developers.hubspot.com/docs/api-reference/error-handling"""
    message = "The resource is locked by another operation; wait at least 2 seconds before trying again"
    return HubSpotError(423, message, "LOCKED")


def _missing(shelf: Shelf, names: Sequence[str]) -> HubSpotError:
    message = f"Error creating {shelf.kind.upper}. Some required properties were not set."
    return HubSpotError(400, message, "VALIDATION_ERROR", context={"properties": list(names)})


def _extra_emails(winner: Record, loser: Record) -> dict[str, str]:
    """The loser's address lives on as an additional one of the survivor."""
    own, other = winner.state.props.get("email", ""), loser.state.props.get("email", "")
    listed = (winner, loser)
    kept = [
        part for one in listed for part in one.state.props.get("hs_additional_emails", "").split(";") if part
    ]
    if own and other:
        kept.append(other)
    return {"hs_additional_emails": ";".join(dict.fromkeys(kept))} if kept else {}


def _merge_marks(shelf: Shelf, new_id: int, merged: Mapping[int, int]) -> dict[str, str]:
    marks = {"hs_merged_object_ids": ";".join(map(str, merged))}
    if shelf.kind.name == "contacts":
        marks["hs_calculated_merged_vids"] = ";".join(f"{old}:{at}" for old, at in merged.items())
        marks["hs_all_contact_vids"] = ";".join(map(str, [new_id, *merged]))
    return marks
