"""The sandbox CRMs as `tieline.testing.simulation` wants them: steered directly, without a request."""

import json
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any

from tieline.sandbox.hubspot import DEFAULT_TOKEN
from tieline.sandbox.hubspot import create as create_hubspot
from tieline.sandbox.hubspot.links import Node
from tieline.sandbox.kernel.app import make_app
from tieline.sandbox.kernel.clock import SandboxClock
from tieline.sandbox.kernel.errors import AdminError
from tieline.sandbox.salesforce import create as create_salesforce
from tieline.testing.simulation.clockwork import BEGINNING
from tieline.testing.simulation.crm import AsgiApp, Fields, LoggedActivity, RefusedByCrmError

_SALESFORCE = {
    "phone_number": "Phone", "first_name": "FirstName", "last_name": "LastName", "plan": "Plan__c",
    "notes": "Notes__c", "title": "Title", "city": "MailingCity", "department": "Department",
    "do_not_call": "DoNotCall",
}  # fmt: skip
_HUBSPOT = {
    "phone_number": "phone", "first_name": "firstname", "last_name": "lastname", "plan": "plan", "notes": "notes",
    "title": "jobtitle", "city": "city", "department": "company", "do_not_call": "do_not_call",
}  # fmt: skip
_OTHER_TOKEN = "pat-na1-sandbox-2"
_ACTIVITIES = ("calls", "communications")


class _Sandbox:
    """What both have in common."""

    provider = ""
    names: Mapping[str, str] = {}
    auth: Mapping[str, str] = {}
    longest_late_s = 0
    limited: Mapping[str, object] = {}

    def __init__(self, crm: Any) -> None:
        self.crm = crm
        self.app: AsgiApp = make_app(crm)

    def set_time(self, at: datetime) -> None:
        self.crm.clock.freeze(at)

    def set_lag(self, seconds: float) -> None:
        """No search index by default."""

    def fail(self, fault: str, record_id: str | None = None) -> None:
        one = {"rejected": "reject", "locked": "lock"}.get(fault)
        if one is not None:
            self.crm.faults.add({"kind": one, "record_ids": [record_id]})
            return
        spec = {
            "unauthorized": {"status": 401}, "unavailable": {"status": 503}, "rate_limited": self.limited,
            "forbidden": {"status": 403, **self.forbidden},
        }[fault]  # fmt: skip
        self.crm.faults.add({"kind": "status", **spec})

    forbidden: Mapping[str, object] = {}

    def hide(self, field_name: str) -> None:
        spec = {"kind": "hide_field", "field": self.names[field_name], "object": self.contact_object}
        self.crm.faults.add(spec)

    contact_object = ""

    def heal(self) -> None:
        self.crm.faults.clear()

    def delete(self, record_id: str) -> None:
        self._do(self.crm.delete, {"id": record_id})

    def restore(self, record_id: str) -> None:
        self._do(self.crm.restore, {"id": record_id})

    def _do(self, operation: Callable[[dict[str, Any]], dict[str, Any]], spec: dict[str, Any]) -> str:
        try:
            return str(operation(spec)["id"])
        except AdminError as error:
            raise RefusedByCrmError(error.message) from error


class SalesforceSandbox(_Sandbox):
    """A simulated organisation."""

    provider = "salesforce"
    names = _SALESFORCE
    auth = {"type": "oauth2", "client_id": "sandbox-client", "client_secret": "sandbox-secret"}  # noqa: RUF012
    longest_late_s = 500
    limited = {"status": 403, "name": "REQUEST_LIMIT_EXCEEDED"}  # noqa: RUF012
    forbidden = {"name": "INSUFFICIENT_ACCESS"}  # noqa: RUF012
    contact_object = "Contact"

    def __init__(self, org_id: str | None = None) -> None:
        clock = SandboxClock()
        clock.freeze(BEGINNING)
        super().__init__(create_salesforce({"org_id": org_id} if org_id else {}, clock))

    def create(self, values: Fields) -> str:
        return self._do(self.crm.create, {"fields": self._wire(values)})

    def edit(self, record_id: str, values: Fields, late_s: int = 0) -> None:
        spec: dict[str, Any] = {"id": record_id, "fields": self._wire(values)}
        self._do(self.crm.edit, {**spec, "stamp_seconds_ago": late_s} if late_s else spec)

    def merge(self, winner: str, loser: str) -> str:
        self._do(self.crm.merge, {"winner": winner, "loser": [loser]})
        return winner

    def records(self) -> Mapping[str, Fields]:
        rows = self.crm.org.tables["Contact"].rows
        return {
            record_id: {
                **{ours: row.get(name) for ours, name in _SALESFORCE.items()},
                "_stamp": row["SystemModstamp"],
            }
            for record_id, row in rows.items()
            if not row["IsDeleted"]
        }

    def activities(self) -> Sequence[LoggedActivity]:
        rows = self.crm.org.tables["Task"].rows
        return [
            LoggedActivity(task_id, (str(row.get("WhoId")),), json.dumps(row, default=str))
            for task_id, row in rows.items()
            if not row["IsDeleted"]
        ]

    def _wire(self, values: Fields) -> dict[str, Any]:
        return {_SALESFORCE[name]: value for name, value in values.items()}


class HubSpotSandbox(_Sandbox):
    """A simulated portal."""

    provider = "hubspot"
    names = _HUBSPOT
    auth = {"type": "api_key", "api_key": DEFAULT_TOKEN}  # noqa: RUF012
    longest_late_s = 200
    limited = {"status": 429, "name": "ten_secondly"}  # noqa: RUF012
    contact_object = "contacts"

    def __init__(self, portal_id: int | None = None, **settings: Any) -> None:
        given: dict[str, Any] = {"rate_limits": False, **settings}
        if portal_id is not None:
            given |= {"portal_id": portal_id, "access_tokens": [_OTHER_TOKEN]}
            self.auth = {"type": "api_key", "api_key": _OTHER_TOKEN}
        super().__init__(create_hubspot(given))
        self.crm.clock.freeze(BEGINNING)

    def set_lag(self, seconds: float) -> None:
        self.crm.settings({"index_lag_seconds": seconds})

    def create(self, values: Fields) -> str:
        return self._do(self.crm.create, {"properties": self._wire(values)})

    def edit(self, record_id: str, values: Fields, late_s: int = 0) -> None:
        spec: dict[str, Any] = {"id": record_id, "properties": self._wire(values)}
        self._do(self.crm.edit, {**spec, "stamp_seconds_ago": late_s} if late_s else spec)

    def merge(self, winner: str, loser: str) -> str:
        return self._do(self.crm.merge, {"winner": winner, "loser": loser})

    def records(self) -> Mapping[str, Fields]:
        found = {}
        for record in self.crm.portal.shelves["contacts"].records.values():
            props = record.state.props
            values: dict[str, Any] = {ours: props.get(name) or None for ours, name in _HUBSPOT.items()}
            values["do_not_call"] = values["do_not_call"] == "true"
            found[str(record.state.id)] = {**values, "_stamp": record.state.modified}
        return found

    def activities(self) -> Sequence[LoggedActivity]:
        portal, found = self.crm.portal, []
        for kind in _ACTIVITIES:
            for record in portal.shelves[kind].records.values():
                ends = portal.links.of(Node(kind, record.state.id), "contacts")
                text = json.dumps(record.state.props)
                found.append(LoggedActivity(str(record.state.id), tuple(str(one) for one in ends), text))
        return found

    def _wire(self, values: Fields) -> dict[str, Any]:
        def text(value: object) -> str:
            return "" if value is None else str(value).lower() if isinstance(value, bool) else str(value)

        return {_HUBSPOT[name]: text(value) for name, value in values.items()}


def make_crm(provider: str, *, other_tenant: bool = False, new_id_on_merge: bool = False) -> Any:
    """A fresh CRM; `other_tenant` has the same ids for other people."""
    if provider == "salesforce":
        return SalesforceSandbox("00Dal0000000002EAA" if other_tenant else None)
    return HubSpotSandbox(999 if other_tenant else None, merge_assigns_new_id=new_id_on_merge)
