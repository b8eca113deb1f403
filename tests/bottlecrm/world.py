"""`World` over a real BottleCRM. A rep acts by its public API; what it cannot be made to do, the network does."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

import httpx2
from tests.bottlecrm.server import Organisation

from tieline.connectors.http import HttpSession
from tieline.connectors.registry import get_connector
from tieline.domain.values import Value
from tieline.ports.crm import Credentials
from tieline.testing.sessions import MemoryGate, MemoryTokenStore, RealClock
from tieline.testing.world import Fault, SeenActivity, WorldFields

FIELDS = WorldFields(
    phone="phone",
    first_name="first_name",
    last_name="last_name",
    long_text="cf_notes",
    number="cf_score",
    boolean="do_not_call",
    date="cf_renewal_date",
    picklist="cf_lead_status",
    picklist_values=("New", "Qualified"),
    # BottleCRM takes digits and separators only, and at most 25 of them.
    phone_spellings=("(415) 555-0123", "+1 415.555.0123", "4155550123", "1-415-555-0123"),
)
OWN = {"notes": "textarea", "score": "number", "renewal_date": "date", "lead_status": "dropdown"}
STATUSES = ("New", "Qualified")

Answer = Callable[[httpx2.Request], httpx2.Response]


def _says(status: int, detail: str, **headers: str) -> Answer:
    return lambda request: httpx2.Response(status, json={"detail": detail}, headers=headers, request=request)


# As BottleCRM words them: a revoked token, a member who may not, its throttle.
_ANSWERS: Mapping[Fault, Answer] = {
    Fault.TOKEN_EXPIRED: _says(403, "Organization context is required. Please login again."),
    Fault.FORBIDDEN: _says(403, "You do not have permission to perform this action."),
    Fault.RATE_LIMITED: _says(
        429, "Request was throttled. Expected available in 30 seconds.", **{"Retry-After": "30"}
    ),
    Fault.UNAVAILABLE: lambda request: httpx2.Response(503, html="<h1>Down</h1>", request=request),
}


@dataclass
class Network(httpx2.AsyncBaseTransport):
    """The way from a session to the CRM, which may fail. Requests of authentication pass."""

    real: httpx2.AsyncHTTPTransport = field(default_factory=httpx2.AsyncHTTPTransport)
    fault: Fault | None = None
    times: int | None = None
    refusals: dict[str, str] = field(default_factory=dict)

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        path = request.url.path
        if request.method == "PATCH" and path in self.refusals:
            errors = {"first_name": [self.refusals[path]]}
            return httpx2.Response(400, json={"error": True, "errors": errors}, request=request)
        fault = self.fault
        if fault is None or path == "/api/org/settings/":
            return await self.real.handle_async_request(request)
        if self.times is not None:
            self.times -= 1
            self.fault = fault if self.times > 0 else None
        if fault in _ANSWERS:
            return _ANSWERS[fault](request)
        if fault is Fault.DROPPED_AFTER:
            await (await self.real.handle_async_request(request)).aread()
        raise httpx2.ReadError("the connection was dropped", request=request)

    async def aclose(self) -> None:
        await self.real.aclose()


class BottleCrmWorld:
    """Implements `tieline.testing.world.World` in an organisation of its own."""

    def __init__(self, org: Organisation, http: httpx2.AsyncClient, network: Network) -> None:
        self.org = org
        self._http = http
        self._network = network
        self._store = MemoryTokenStore()
        self._definitions = {
            key: org.define(key, kind, *(STATUSES if kind == "dropdown" else ())) for key, kind in OWN.items()
        }
        self._hidden: list[str] = []

    @property
    def fields(self) -> WorldFields:
        return FIELDS

    @property
    def secrets(self) -> Sequence[str]:
        return (self.org.token, self.org.session)

    @property
    def renewable(self) -> bool:
        return False

    @property
    def self_hosted(self) -> bool:
        return True

    def session(self) -> HttpSession:
        credentials = {"type": "access_token", "access_token": self.org.token}
        return HttpSession(
            get_connector("bottlecrm"),
            Credentials(self.org.crm.url, credentials),
            http=self._http,
            token_store=self._store,
            gate=MemoryGate(),
            clock=RealClock(),
            app_id="app_conformance",
        )

    async def create(self, values: Mapping[str, Value]) -> str:
        return str(self.org.ask("POST", "/api/contacts/", _wire(values))["id"])

    async def edit(
        self, external_id: str, values: Mapping[str, Value], *, stamped_s_ago: float = 0.0
    ) -> None:
        self.org.ask("PATCH", f"/api/contacts/{external_id}/", _wire(values))
        if stamped_s_ago:
            older = "update contacts set updated_at = updated_at - make_interval(secs => %s) where id = %s"
            self.org.crm.execute(older, stamped_s_ago, external_id)

    async def delete(self, external_id: str) -> None:
        self.org.ask("DELETE", f"/api/contacts/{external_id}/")

    async def merge(self, winner: str, loser: str) -> str:
        return str(self.org.ask("POST", f"/api/contacts/{winner}/merge/", {"merge_id": loser})["id"])

    async def look(self, external_id: str) -> Mapping[str, Value]:
        shown = self.org.ask("GET", f"/api/contacts/{external_id}/")["contact_obj"]
        own = shown["custom_fields"]
        return {
            name: _canonical(own.get(name[3:]) if name.startswith("cf_") else shown[name])
            for name in FIELDS.names()
        }

    async def activities(self) -> Sequence[SeenActivity]:
        seen = []
        for contact in self.org.ask("GET", "/api/contacts/", limit="1000")["results"]:
            listed = self.org.ask("GET", "/api/interactions/", contact=contact["id"], limit="200")
            for one in listed["interactions"]:
                text = f"{one['subject']}\n{one['body']}"
                seen.append(SeenActivity(one["id"], (one["contact"],), text))
        return seen

    async def rewrite_activity(self, activity_id: str, text: str) -> None:
        self.org.ask("PATCH", f"/api/interactions/{activity_id}/", {"body": text})

    async def make_activity_key(self) -> str:
        raise LookupError("BottleCRM's interactions have no fields of an organisation's own")

    async def fail(self, fault: Fault, *, times: int | None = 1) -> None:
        self._network.fault, self._network.times = fault, times

    async def heal(self) -> None:
        self._network.fault = None
        self._network.refusals.clear()
        while self._hidden:
            self._set_active(self._hidden.pop(), active=True)

    async def hide(self, field: str) -> None:
        key = field.removeprefix("cf_")
        self._set_active(key, active=False)
        self._hidden.append(key)

    async def refuse(self, external_id: str, text: str) -> None:
        self._network.refusals[f"/api/contacts/{external_id}/"] = text

    async def settle(self) -> None:
        """Nothing lags."""

    async def lose_cursors(self) -> bool:
        return False

    def _set_active(self, key: str, *, active: bool) -> None:
        self.org.ask("PUT", f"/api/custom-fields/{self._definitions[key]}/", {"is_active": active})


def _wire(values: Mapping[str, Value]) -> dict[str, Any]:
    plain = {name: float(v) if isinstance(v, Decimal) else v for name, v in values.items()}
    own = {name[3:]: value for name, value in plain.items() if name.startswith("cf_")}
    built_in = {name: value for name, value in plain.items() if not name.startswith("cf_")}
    return {**built_in, "custom_fields": own} if own else built_in


def _canonical(value: Any) -> Value:
    """Written apart from the connector's own, on purpose."""
    if isinstance(value, float):
        return Decimal(str(value))
    return None if value == "" else value
