"""`World` over the sandbox HubSpot. Looks through the public API with requests of its own, acts by the admin API."""

import re
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

import httpx2

from tieline.connectors.http import HttpSession
from tieline.connectors.registry import get_connector
from tieline.domain.values import Value
from tieline.ports.crm import Credentials
from tieline.sandbox.hubspot import DEFAULT_TOKEN
from tieline.sandbox.hubspot.tokens import CLIENT_ID, CLIENT_SECRET, REFRESH_TOKEN
from tieline.testing.sessions import MemoryGate, MemoryTokenStore, RealClock
from tieline.testing.world import Fault, SeenActivity, WorldFields

OBJECTS = "/crm/objects/2026-03"
INDEX_LAG_S = 5

FIELDS = WorldFields(
    phone="phone",
    first_name="firstname",
    last_name="lastname",
    long_text="notes",
    number="score",
    boolean="vip",
    date="renewal_date",
    date_time="last_demo",
    picklist="lead_status",
    picklist_values=("New", "Qualified"),
    multi_picklist="interests",
    multi_picklist_values=("calls", "chat"),
)
BODIES = {"calls": "hs_call_body", "communications": "hs_communication_body"}

_FAULTS: Mapping[Fault, Mapping[str, object]] = {
    Fault.TOKEN_EXPIRED: {"kind": "status", "status": 401, "name": "expired"},
    Fault.FORBIDDEN: {"kind": "status", "status": 403},
    Fault.RATE_LIMITED: {"kind": "status", "status": 429},
    Fault.UNAVAILABLE: {"kind": "status", "status": 503},
    Fault.DROPPED_BEFORE: {"kind": "drop_before"},
    Fault.DROPPED_AFTER: {"kind": "drop_after"},
}


class HubSpotWorld:
    """Implements `tieline.testing.world.World`, with a static token or with OAuth."""

    def __init__(self, url: str, http: httpx2.AsyncClient, *, oauth: bool) -> None:
        self.url = url
        self.http = http
        self.store = MemoryTokenStore()
        self.gate = MemoryGate()
        self._oauth = oauth

    @property
    def fields(self) -> WorldFields:
        return FIELDS

    @property
    def secrets(self) -> Sequence[str]:
        token = self.store.token
        known = [token.access_token] if token else []
        return (*known, CLIENT_SECRET, REFRESH_TOKEN) if self._oauth else (DEFAULT_TOKEN,)

    @property
    def renewable(self) -> bool:
        return self._oauth

    @property
    def self_hosted(self) -> bool:
        return False

    @property
    def credentials(self) -> Credentials:
        """Those of the sandbox's app."""
        oauth = {
            "type": "oauth2",
            "client_id": CLIENT_ID,
            "client_secret": CLIENT_SECRET,
            "refresh_token": REFRESH_TOKEN,
        }
        return Credentials(self.url, oauth if self._oauth else {"type": "api_key", "api_key": DEFAULT_TOKEN})

    def session(self) -> HttpSession:
        return HttpSession(
            get_connector("hubspot"),
            self.credentials,
            http=self.http,
            token_store=self.store,
            gate=self.gate,
            clock=RealClock(),
            app_id="app_conformance",
        )

    async def create(self, values: Mapping[str, Value]) -> str:
        return str((await self.admin("create", {"properties": _wire(values)}))["id"])

    async def edit(
        self, external_id: str, values: Mapping[str, Value], *, stamped_s_ago: float = 0.0
    ) -> None:
        spec: dict[str, object] = {"id": external_id, "properties": _wire(values)}
        if stamped_s_ago:
            spec["stamp_seconds_ago"] = stamped_s_ago
        await self.admin("edit", spec)

    async def delete(self, external_id: str) -> None:
        await self.admin("delete", {"id": external_id})

    async def merge(self, winner: str, loser: str) -> str:
        return str((await self.admin("merge", {"winner": winner, "loser": loser}))["id"])

    async def look(self, external_id: str) -> Mapping[str, Value]:
        shown = await self.public(f"/contacts/{external_id}", properties=",".join(FIELDS.names()))
        return {name: _canonical(name, shown["properties"][name]) for name in FIELDS.names()}

    async def activities(self) -> Sequence[SeenActivity]:
        seen: list[SeenActivity] = []
        for kind, body in BODIES.items():
            wanted = f"{body},hs_call_title"
            listed = await self.public(f"/{kind}", limit="100", properties=wanted, associations="contacts")
            for one in listed["results"]:
                ends = one.get("associations", {}).get("contacts", {}).get("results", [])
                text = "\n".join(str(one["properties"].get(name)) for name in wanted.split(","))
                seen.append(SeenActivity(one["id"], tuple(dict.fromkeys(end["id"] for end in ends)), text))
        return seen

    async def rewrite_activity(self, activity_id: str, text: str) -> None:
        properties = {"hs_call_body": f"<p>{text}</p>"}
        await self.admin("edit", {"object": "calls", "id": activity_id, "properties": properties})

    async def make_activity_key(self) -> str:
        key = {"name": "tieline_key", "label": "Tieline key", "type": "string", "fieldType": "text"}
        key |= {"groupName": "conversations"}
        for kind in BODIES:
            await self.admin("schema", {"object": kind, "add": {**key, "hasUniqueValue": True}})
        return "tieline_key"

    async def fail(self, fault: Fault, *, times: int | None = 1) -> None:
        await self.admin("faults", {**_FAULTS[fault], "match": {"path": "^/crm/"}, "times": times})

    async def heal(self) -> None:
        (await self.http.delete(f"{self.url}/__sandbox__/faults")).raise_for_status()
        self.gate.pauses.clear()

    async def hide(self, field: str) -> None:
        await self.admin("faults", {"kind": "hide_field", "object": "contacts", "field": field})

    async def refuse(self, external_id: str, text: str) -> None:
        fault = {"kind": "reject", "record_ids": [external_id], "message": text, "times": None}
        await self.admin("faults", {**fault, "fields": [FIELDS.first_name]})

    async def settle(self) -> None:
        """The index catches up when the portal's clock has moved past its lag."""
        await self.admin("clock", {"advance": INDEX_LAG_S + 1})

    async def lose_cursors(self) -> bool:
        return False

    async def admin(self, what: str, spec: Mapping[str, object]) -> Any:
        """An operation of the sandbox's admin API."""
        answer = await self.http.post(f"{self.url}/__sandbox__/{what}", json=spec)
        assert answer.status_code == 200, answer.text
        return answer.json()

    async def requests(self) -> list[dict[str, Any]]:
        """The sandbox's log of requests."""
        answer = await self.http.get(f"{self.url}/__sandbox__/requests")
        found: list[dict[str, Any]] = answer.raise_for_status().json()["requests"]
        return found

    async def public(self, path: str, **query: str) -> Any:
        """A read of the test's own through the public API, under another version than the connector's."""
        headers = {"Authorization": f"Bearer {DEFAULT_TOKEN}"}
        answer = await self.http.get(f"{self.url}{OBJECTS}{path}", params=query, headers=headers)
        assert answer.status_code == 200, answer.text
        return answer.json()


def _wire(values: Mapping[str, Value]) -> dict[str, str]:
    def text(value: Value) -> str:
        return "" if value is None else str(value).lower() if isinstance(value, bool) else str(value)

    return {name: text(value) for name, value in values.items()}


def _canonical(name: str, value: str | None) -> Value:
    """Written apart from the connector's own, on purpose."""
    if not value:
        return None
    if name == FIELDS.number:
        return Decimal(value)
    if name == FIELDS.boolean:
        return {"true": True, "false": False}[value]
    return re.sub(r"\.000Z$", "Z", value) if name == FIELDS.date_time else value
