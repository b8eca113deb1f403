"""`World` over the sandbox Salesforce. Looks through the public API with requests of its own, acts by the admin API."""

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import httpx2

from tieline.connectors.http import HttpSession
from tieline.connectors.registry import get_connector
from tieline.domain.values import Value
from tieline.ports.crm import Connector, Credentials
from tieline.testing.sessions import MemoryGate, MemoryTokenStore, RealClock
from tieline.testing.world import Fault, SeenActivity, WorldFields

DATA = "/services/data/v60.0"
CLIENT_ID, CLIENT_SECRET = "sandbox-client", "sandbox-secret"

FIELDS = WorldFields(
    phone="Phone",
    first_name="FirstName",
    last_name="LastName",
    long_text="Notes__c",
    number="Score__c",
    boolean="VIP__c",
    date="Renewal_Date__c",
    date_time="Last_Demo__c",
    picklist="Lead_Status__c",
    picklist_values=("New", "Qualified"),
    multi_picklist="Interests__c",
    multi_picklist_values=("Calls", "Chat"),
)

_FAULTS: Mapping[Fault, Mapping[str, object]] = {
    Fault.TOKEN_EXPIRED: {"kind": "status", "status": 401},
    Fault.FORBIDDEN: {"kind": "status", "status": 403, "name": "INSUFFICIENT_ACCESS"},
    Fault.RATE_LIMITED: {"kind": "status", "status": 403, "name": "REQUEST_LIMIT_EXCEEDED"},
    Fault.UNAVAILABLE: {"kind": "status", "status": 503},
    Fault.DROPPED_BEFORE: {"kind": "drop_before"},
    Fault.DROPPED_AFTER: {"kind": "drop_after"},
}


class SalesforceWorld:
    """Implements `tieline.testing.world.World`."""

    def __init__(self, url: str, http: httpx2.AsyncClient) -> None:
        self.url = url
        self.http = http
        self.make_connector: Callable[[], Connector] = lambda: get_connector("salesforce")
        self.store = MemoryTokenStore()
        self._token = ""

    async def sign_in(self) -> None:
        """The test's own way in, apart from the connector's."""
        form = {"grant_type": "client_credentials", "client_id": CLIENT_ID, "client_secret": CLIENT_SECRET}
        answer = await self.http.post(f"{self.url}/services/oauth2/token", data=form)
        self._token = answer.raise_for_status().json()["access_token"]

    @property
    def fields(self) -> WorldFields:
        return FIELDS

    @property
    def secrets(self) -> Sequence[str]:
        token = self.store.token
        return (CLIENT_SECRET, *([token.access_token] if token else []))

    @property
    def self_hosted(self) -> bool:
        return False

    @property
    def renewable(self) -> bool:
        return True

    @property
    def credentials(self) -> Credentials:
        """Those of the sandbox's app."""
        auth = {"type": "oauth2", "client_id": CLIENT_ID, "client_secret": CLIENT_SECRET}
        return Credentials(self.url, auth)

    def session(self, credentials: Credentials | None = None) -> HttpSession:
        return HttpSession(
            self.make_connector(),
            credentials or self.credentials,
            http=self.http,
            token_store=self.store,
            gate=MemoryGate(),
            clock=RealClock(),
            app_id="app_conformance",
        )

    async def create(self, values: Mapping[str, Value]) -> str:
        return str((await self.admin("create", {"fields": _wire(values)}))["id"])

    async def edit(
        self, external_id: str, values: Mapping[str, Value], *, stamped_s_ago: float = 0.0
    ) -> None:
        spec: dict[str, object] = {"id": external_id, "fields": _wire(values)}
        if stamped_s_ago:
            spec["stamp_seconds_ago"] = stamped_s_ago
        await self.admin("edit", spec)

    async def delete(self, external_id: str) -> None:
        await self.admin("delete", {"id": external_id})

    async def merge(self, winner: str, loser: str) -> str:
        await self.admin("merge", {"winner": winner, "losers": [loser]})
        return winner

    async def look(self, external_id: str) -> Mapping[str, Value]:
        row = await self.public("GET", f"/sobjects/Contact/{external_id}")
        return {name: _canonical(row[name]) for name in FIELDS.names()}

    async def activities(self) -> Sequence[SeenActivity]:
        soql = "SELECT Id, WhoId, Subject, Description, CallDisposition FROM Task"
        rows = (await self.public("GET", "/query", q=soql))["records"]
        return [
            SeenActivity(
                row["Id"],
                (row["WhoId"],),
                "\n".join(str(row[name]) for name in ("Subject", "Description", "CallDisposition")),
            )
            for row in rows
        ]

    async def rewrite_activity(self, activity_id: str, text: str) -> None:
        await self.admin("edit", {"id": activity_id, "fields": {"Description": text}})

    async def make_activity_key(self) -> str:
        await self.admin("settings", {"task_key_field": "Tieline_Key__c"})
        return "Tieline_Key__c"

    async def fail(self, fault: Fault, *, times: int | None = 1) -> None:
        match = {"path": "^/services/data"}
        await self.admin("faults", {**_FAULTS[fault], "match": match, "times": times})

    async def heal(self) -> None:
        (await self.http.delete(f"{self.url}/__sandbox__/faults")).raise_for_status()

    async def hide(self, field: str) -> None:
        await self.admin("faults", {"kind": "hide_field", "field": field})

    async def refuse(self, external_id: str, text: str) -> None:
        code = "FIELD_CUSTOM_VALIDATION_EXCEPTION"
        fault = {"kind": "reject", "record_ids": [external_id], "code": code, "message": text, "times": None}
        await self.admin("faults", fault)

    async def settle(self) -> None:
        """SOQL and bulk jobs show a commit at once."""

    async def lose_cursors(self) -> bool:
        for job in (await self.public("GET", "/jobs/query"))["records"]:
            await self.public("DELETE", f"/jobs/query/{job['id']}")
        return True

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

    async def public(self, method: str, path: str, **query: str) -> Any:
        """A request of the test's own to the public API."""
        headers = {"Authorization": f"Bearer {self._token}"}
        answer = await self.http.request(method, f"{self.url}{DATA}{path}", params=query, headers=headers)
        assert answer.status_code < 300, answer.text
        return answer.json() if answer.content else None


def _wire(values: Mapping[str, Value]) -> dict[str, object]:
    return {name: float(value) if isinstance(value, Decimal) else value for name, value in values.items()}


def _canonical(value: object) -> Value:
    """Written apart from the connector's own, on purpose."""
    if isinstance(value, float):
        return int(value) if value.is_integer() else Decimal(str(value))
    if isinstance(value, str) and value.endswith("+0000") and value[10:11] == "T":
        at = datetime.strptime(value, "%Y-%m-%dT%H:%M:%S.%f%z").astimezone(UTC)
        return f"{at:%Y-%m-%dT%H:%M:%SZ}"
    assert value is None or isinstance(value, str | int | bool)
    return value
