"""The admin operations of this CRM: what a rep or an administrator would do in HubSpot's own pages."""

from collections.abc import Mapping
from dataclasses import replace

from tieline.sandbox.hubspot.api.properties import add_property, property_from
from tieline.sandbox.hubspot.links import Node, default_type
from tieline.sandbox.hubspot.portal import Portal
from tieline.sandbox.hubspot.records import Actor, Record
from tieline.sandbox.hubspot.render import View
from tieline.sandbox.hubspot.schema import Option, find_type
from tieline.sandbox.hubspot.seeding import REP, seed_contacts
from tieline.sandbox.hubspot.shelf import Shelf
from tieline.sandbox.hubspot.tokens import APP_ID, APP_USER
from tieline.sandbox.hubspot.values import as_text
from tieline.sandbox.hubspot.wire import HubSpotError
from tieline.sandbox.hubspot.writes import Link, Writer
from tieline.sandbox.kernel.errors import AdminError
from tieline.sandbox.kernel.values import (
    JsonObject,
    as_object,
    get_bool,
    get_int,
    get_number,
    get_object,
    get_optional_text,
    get_text,
)


class Admin:
    """Steers one portal. Every operation raises AdminError for what cannot be done."""

    def __init__(self, portal: Portal) -> None:
        self._portal = portal

    def seed(self, spec: JsonObject) -> JsonObject:
        """`{"contacts": n, "seed": s}` adds made-up contacts."""
        _only(spec, "contacts", "seed")
        ids = seed_contacts(self._portal, get_int(spec, "contacts"), get_int(spec, "seed", 1))
        shown = {"first_id": str(ids[0]), "last_id": str(ids[-1])} if ids else {}
        return {"created": len(ids), **shown}

    def create(self, spec: JsonObject) -> JsonObject:
        """`{"object", "properties", "associations": [{"object", "id"}], "user", "index_lag_seconds"}`."""
        _only(spec, "object", "properties", "associations", *_WHO)
        shelf = self._shelf(spec)
        writer = self._writer(spec)
        try:
            values = self._checked(writer, shelf, spec, None)
            record = writer.create(
                shelf, values, [self._link(shelf, one) for one in _list(spec, "associations")]
            )
        except HubSpotError as error:
            raise AdminError(error.message, error.status) from error
        return self._shown(shelf, record)

    def edit(self, spec: JsonObject) -> JsonObject:
        """`{"object", "id", "properties", "stamp_seconds_ago"}`; an older stamp is a late commit.

        `"background": true` sets values as HubSpot computes them: also read-only ones, and nobody is the author.
        """
        _only(spec, "object", "id", "properties", "stamp_seconds_ago", "background", *_WHO)
        shelf = self._shelf(spec)
        record = self._live(shelf, spec)
        writer = self._writer(spec)
        if get_bool(spec, "background"):
            return self._recompute(shelf, record, writer, get_object(spec, "properties"))
        ago = get_number(spec, "stamp_seconds_ago") if "stamp_seconds_ago" in spec else None
        at = None if ago is None else self._portal.now() - int(ago * 1000)
        try:
            values = self._checked(writer, shelf, spec, record)
            writer.update(shelf, record, values, at)
        except HubSpotError as error:
            raise AdminError(error.message, error.status) from error
        return self._shown(shelf, record)

    def _recompute(self, shelf: Shelf, record: Record, writer: Writer, properties: JsonObject) -> JsonObject:
        for name in properties:
            self._property_name(shelf, name)
        writer.recompute(shelf, record, {name: as_text(value) for name, value in properties.items()})
        return self._shown(shelf, record)

    def delete(self, spec: JsonObject) -> JsonObject:
        """`{"object", "id"}` archives; `"purge": true` removes for good, as a privacy request does."""
        _only(spec, "object", "id", "purge", *_WHO)
        shelf = self._shelf(spec)
        record = self._live(shelf, spec)
        if get_bool(spec, "purge"):
            self._writer(spec).erase(shelf, record.state.id)
        else:
            self._writer(spec).archive(shelf, record)
        return {"id": str(record.state.id)}

    def restore(self, spec: JsonObject) -> JsonObject:
        _only(spec, "object", "id", *_WHO)
        shelf = self._shelf(spec)
        record = shelf.archived.get(_id(spec, "id"))
        if record is None:
            raise AdminError(f"no archived {shelf.kind.singular} has the id {spec.get('id')}", 404)
        try:
            self._writer(spec).restore(shelf, record)
        except HubSpotError as error:
            raise AdminError(error.message, error.status) from error
        return self._shown(shelf, record)

    def merge(self, spec: JsonObject) -> JsonObject:
        """`{"object", "winner", "loser"}`."""
        _only(spec, "object", "winner", "loser", *_WHO)
        shelf = self._shelf(spec)
        winner, loser = self._live(shelf, spec, "winner"), self._live(shelf, spec, "loser")
        if winner is loser:
            raise AdminError("a record cannot be merged into itself")
        try:
            survivor = self._writer(spec).merge(shelf, winner, loser)
        except HubSpotError as error:
            raise AdminError(error.message, error.status) from error
        return self._shown(shelf, survivor)

    def change_schema(self, spec: JsonObject) -> JsonObject:
        """`{"object", "add": definition}`, `"remove": name`, `"unique": {"name", "on"}` or `"options"`."""
        _only(spec, "object", "add", "remove", "unique", "options")
        shelf = self._shelf(spec)
        if "add" in spec:
            self._add_property(shelf, get_object(spec, "add"))
        if "remove" in spec:
            name = self._property_name(shelf, get_text(spec, "remove"))
            shelf.schema.archive(name)
            shelf.unwatch_unique(name)
        if "unique" in spec:
            self._set_unique(shelf, get_object(spec, "unique"))
        if "options" in spec:
            self._set_options(shelf, get_object(spec, "options"))
        return {"properties": len(shelf.schema.properties)}

    def state(self) -> JsonObject:
        shelves = self._portal.shelves
        for shelf in shelves.values():
            shelf.index.settle(self._portal.now())
        return {
            "portal_id": self._portal.settings.portal_id,
            "records": {name: len(shelf.records) for name, shelf in shelves.items()},
            "archived": {name: len(shelf.archived) for name, shelf in shelves.items()},
            "users": dict(USERS),
            "not_yet_indexed": {name: shelf.index.pending for name, shelf in shelves.items()},
        }

    def _shelf(self, spec: Mapping[str, object]) -> Shelf:
        name = get_optional_text(spec, "object") or "contacts"
        kind = find_type(name)
        if kind is None:
            raise AdminError(f"there is no object {name!r}")
        return self._portal.shelves[kind.name]

    def _writer(self, spec: JsonObject) -> Writer:
        name = get_optional_text(spec, "user") or "rep"
        if name not in USERS:
            raise AdminError(f"there is no user {name!r}; known: {', '.join(USERS)}")
        user = USERS[name]
        if get_bool(spec, "background"):
            return Writer(self._portal, Actor("CALCULATED", "", 0))
        app = name == "integration"
        actor = Actor("INTEGRATION", str(APP_ID), user) if app else Actor("CRM_UI", f"userId:{user}", user)
        lag = get_number(spec, "index_lag_seconds") if "index_lag_seconds" in spec else None
        return Writer(self._portal, actor, None, lag)

    def _checked(
        self, writer: Writer, shelf: Shelf, spec: JsonObject, record: Record | None
    ) -> dict[str, str]:
        checked = writer.check(shelf, get_object(spec, "properties"), record)
        if checked.faults:
            raise AdminError("; ".join(fault.message for fault in checked.faults))
        return checked.values

    def _live(self, shelf: Shelf, spec: JsonObject, name: str = "id") -> Record:
        record = shelf.records.get(_id(spec, name))
        if record is None:
            raise AdminError(f"no {shelf.kind.singular} has the id {spec.get(name)}", 404)
        return record

    def _link(self, shelf: Shelf, spec: JsonObject) -> Link:
        target = self._shelf(spec)
        return Node(target.kind.name, _id(spec, "id")), default_type(shelf.kind.name, target.kind.name)

    def _shown(self, shelf: Shelf, record: Record) -> JsonObject:
        shown = View(self._portal, shelf).after_create(record)
        return {"id": str(record.state.id), "object": shelf.kind.name, "properties": shown["properties"]}

    def _add_property(self, shelf: Shelf, definition: JsonObject) -> None:
        try:
            add_property(shelf, property_from(definition))
        except HubSpotError as error:
            raise AdminError(error.message) from error

    def _set_unique(self, shelf: Shelf, spec: JsonObject) -> None:
        name = self._property_name(shelf, get_text(spec, "name"))
        unique = get_bool(spec, "on", True)
        shelf.schema.set_unique(name, unique)
        if unique:
            shelf.watch_unique(name)
        else:
            shelf.unwatch_unique(name)

    def _set_options(self, shelf: Shelf, spec: JsonObject) -> None:
        """`{"name", "values": {value: label}}` replaces a property's options; records keep what they have."""
        name = self._property_name(shelf, get_text(spec, "name"))
        pairs = enumerate(get_object(spec, "values").items())
        options = tuple(Option(str(label), value, order) for order, (value, label) in pairs)
        shelf.schema.put(replace(shelf.schema.properties[name], options=options))

    def _property_name(self, shelf: Shelf, name: str) -> str:
        if name not in shelf.schema.properties:
            raise AdminError(f"{shelf.kind.name} have no property {name!r}", 404)
        return name


# HubSpot user ids; `integration` is the user that the default access token acts for.
USERS = {"rep": REP.user_id, "other_rep": 2000003, "admin": 2000001, "integration": APP_USER}
_WHO = ("user", "index_lag_seconds")


def _only(spec: Mapping[str, object], *known: str) -> None:
    unknown = sorted(set(spec) - set(known))
    if unknown:
        raise AdminError(f"{unknown[0]!r} is not known here; known: {', '.join(known)}")


def _id(spec: Mapping[str, object], name: str) -> int:
    value = str(spec.get(name, ""))
    if not value.isdigit():
        raise AdminError(f"{name} must be a record id")
    return int(value)


def _list(spec: JsonObject, name: str) -> list[JsonObject]:
    value = spec.get(name) or []
    if not isinstance(value, list):
        raise AdminError(f"{name} must be a list")
    return [as_object(item, name) for item in value]
