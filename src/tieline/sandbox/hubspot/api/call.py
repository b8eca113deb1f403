"""One request to the public API as the handlers see it: who calls, on what, with which members."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from tieline.sandbox.hubspot.portal import Portal
from tieline.sandbox.hubspot.records import Actor
from tieline.sandbox.hubspot.render import View
from tieline.sandbox.hubspot.schema import find_type
from tieline.sandbox.hubspot.shelf import Shelf
from tieline.sandbox.hubspot.tokens import Token, require_scope
from tieline.sandbox.hubspot.wire import HubSpotError, bad_request
from tieline.sandbox.hubspot.writes import Writer
from tieline.sandbox.kernel.exchange import Exchange

Json = Mapping[str, object]


@dataclass(slots=True)
class Call:
    """`params` are the parts of the path; `version` is "v3", "v4" or a dated one."""

    portal: Portal
    request: Request
    exchange: Exchange
    token: Token | None
    params: dict[str, str]

    @property
    def version(self) -> str:
        return self.params.get("version") or "v3"

    @property
    def enforces(self) -> bool:
        """From 2026-09 on, writes obey the rules an administrator set for the user interface."""
        return self.version >= "2026-09" and not self.version.startswith("v")

    def shelf(self, param: str = "type") -> Shelf:
        kind = find_type(self.params[param])
        if kind is None:
            raise bad_request(f"Unable to infer object type from: {self.params[param]}")
        return self.portal.shelves[kind.name]

    def need(self, area: str, access: str, shelf: Shelf) -> None:
        """Scopes: activities are covered by those of contacts."""
        kind = "companies" if shelf.kind.name == "companies" else "contacts"
        if self.token is not None:
            require_scope(self.token, f"crm.{area}.{kind}.{access}")

    def writer(self) -> Writer:
        token = self.token
        assert token is not None
        actor = Actor("INTEGRATION", str(token.app_id), token.user_id)
        return Writer(self.portal, actor, self.exchange)

    def view(self, shelf: Shelf) -> View:
        """How the query asks to see records."""
        return View(
            self.portal,
            shelf,
            self.names("properties"),
            self.names("propertiesWithHistory"),
            self.names("associations"),
        )

    def names(self, member: str) -> list[str]:
        """A query member that may be repeated and may be a comma list."""
        values = self.request.query_params.getlist(member)
        return [name.strip() for value in values for name in value.split(",") if name.strip()]

    def query(self, member: str) -> str | None:
        return self.request.query_params.get(member)

    def flag(self, member: str) -> bool:
        return self.query(member) == "true"

    def body(self) -> Json:
        return decode(self.exchange.body)

    def touch(self, *record_ids: int) -> None:
        self.exchange.record_ids.extend(map(str, record_ids))


Handler = Callable[[Call], Response]


def decode_any(body: bytes) -> object:
    """The JSON value of a request; 400 in HubSpot's words when it is not JSON."""
    try:
        value: object = msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise HubSpotError(400, f"Invalid input JSON on line 1, column 1: {error}") from error
    return value


def decode(body: bytes) -> Json:
    """The JSON object of a request; nothing counts as an empty one."""
    value = decode_any(body or b"{}")
    if not isinstance(value, dict):
        raise HubSpotError(400, "Invalid input JSON on line 1, column 1: an object was expected")
    return value


def missing_members(*names: str) -> HubSpotError:
    listed = ", ".join(names)
    return bad_request(
        f"Invalid input JSON on line 1, column 2. Some required fields were not set: [{listed}]"
    )


def member(body: Json, name: str) -> Json:
    """A member that must be an object."""
    value = body.get(name)
    if value is None:
        raise missing_members(name)
    if not isinstance(value, dict):
        raise bad_request(f"Invalid input JSON on line 1, column 1: {name} must be an object")
    return value


def members(body: Json, name: str) -> list[Json]:
    """A member that must be a list of objects."""
    value = body.get(name)
    if value is None:
        raise missing_members(name)
    return objects(value, name)


def objects(value: object, name: str) -> list[Json]:
    if not isinstance(value, list) or not all(isinstance(item, dict) for item in value):
        raise bad_request(f"Invalid input JSON on line 1, column 1: {name} must be a list of objects")
    return value


def texts(body: Json, name: str) -> list[str]:
    """A member that is a list of texts, or absent."""
    value = body.get(name) or []
    if not isinstance(value, list):
        raise bad_request(f"Invalid input JSON on line 1, column 1: {name} must be a list")
    return [str(item) for item in value]


def text(body: Json, name: str) -> str:
    """A member that must be there; numbers are read as their text."""
    value = body.get(name)
    if value is None or value == "":
        raise missing_members(name)
    return str(value)
