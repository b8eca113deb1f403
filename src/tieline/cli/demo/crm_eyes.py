"""What a CRM holds, read through its public API alone, as any other program with a token could read it.

Shares nothing with the connectors: a mistake there must not repeat itself here.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from html import unescape
from typing import Any, Protocol

import httpx2

from tieline.cli.demo.setting import CREDENTIALS, CRM_NAMES, OTHER_HUBSPOT_TOKEN, Account
from tieline.cli.demo.waiting import until

_SALESFORCE = "/services/data/v68.0"
_HUBSPOT = "2026-03"
_TAGS = re.compile(r"<[^<>]*>")


@dataclass(frozen=True)
class Logged:
    """An activity on a contact's record. `day` is the ISO date, `started_ms` the moment where the CRM keeps one."""

    kind: str
    conversation_id: str
    direction: str | None
    seconds: int | None
    day: str
    started_ms: int | None
    text: str


class CrmEyes(Protocol):
    """Reads one CRM."""

    def values(self, record_id: str) -> dict[str, Any]:
        """The record's mapped fields, by the names of contact fields."""

    def activities(self, record_id: str) -> Sequence[Logged]:
        """The calls and chats that are logged on the record, oldest first."""

    def close(self) -> None:
        """Closes its connections."""


def eyes_on(account: Account) -> CrmEyes:
    """Eyes on an account's CRM."""
    return (
        SalesforceEyes(account.crm_url) if account.provider == "salesforce" else HubSpotEyes(account.crm_url)
    )


class SalesforceEyes:
    """SOQL with a token of the client-credentials flow."""

    def __init__(self, url: str) -> None:
        self._http = httpx2.Client(base_url=url, timeout=10)
        who = CREDENTIALS["salesforce"]
        form = {"grant_type": "client_credentials", "client_id": who["client_id"]}
        answer = self._http.post(
            "/services/oauth2/token", data={**form, "client_secret": who["client_secret"]}
        )
        answer.raise_for_status()
        self._http.headers["authorization"] = f"Bearer {answer.json()['access_token']}"

    def values(self, record_id: str) -> dict[str, Any]:
        """See CrmEyes."""
        names = CRM_NAMES["salesforce"]
        rows = self._query(f"SELECT {', '.join(names.values())} FROM Contact WHERE Id = '{record_id}'")
        return {ours: rows[0][crm] for ours, crm in names.items()} if rows else {}

    def activities(self, record_id: str) -> Sequence[Logged]:
        """See CrmEyes."""
        columns = "Subject, TaskSubtype, CallType, CallDurationInSeconds, ActivityDate, Description"
        rows = self._query(f"SELECT {columns} FROM Task WHERE WhoId = '{record_id}' ORDER BY CreatedDate, Id")
        return [
            Logged(
                kind="call" if row["TaskSubtype"] == "Call" else "chat",
                conversation_id=row["Subject"].split()[-1],
                direction=row["CallType"].lower() if row["CallType"] else None,
                seconds=row["CallDurationInSeconds"],
                day=row["ActivityDate"],
                started_ms=None,
                text=row["Description"] or "",
            )
            for row in rows
        ]

    def close(self) -> None:
        """See CrmEyes."""
        self._http.close()

    def _query(self, soql: str) -> list[dict[str, Any]]:
        answer = self._http.get(f"{_SALESFORCE}/query", params={"q": soql})
        answer.raise_for_status()
        rows: list[dict[str, Any]] = answer.json()["records"]
        return rows


class HubSpotEyes:
    """Objects and their associations by id; the search index is never asked, since it lags.

    With a token of its own, since HubSpot counts requests by token, and these are not Tieline's.
    """

    def __init__(self, url: str) -> None:
        headers = {"authorization": f"Bearer {OTHER_HUBSPOT_TOKEN}"}
        self._http = httpx2.Client(base_url=url, timeout=10, headers=headers)

    def values(self, record_id: str) -> dict[str, Any]:
        """See CrmEyes."""
        names = CRM_NAMES["hubspot"]
        shown = {"properties": ",".join(names.values())}
        properties = self._ask("GET", f"/crm/objects/{_HUBSPOT}/contacts/{record_id}", params=shown)[
            "properties"
        ]
        return {ours: properties[crm] for ours, crm in names.items()}

    def activities(self, record_id: str) -> Sequence[Logged]:
        """See CrmEyes."""
        call_properties = (
            "hs_call_title",
            "hs_call_direction",
            "hs_call_duration",
            "hs_timestamp",
            "hs_call_body",
        )
        calls = [_call(found) for found in self._associated(record_id, "calls", call_properties)]
        chat_properties = ("hs_communication_channel_type", "hs_timestamp", "hs_communication_body")
        chats = [_chat(found) for found in self._associated(record_id, "communications", chat_properties)]
        return sorted([*calls, *chats], key=lambda logged: logged.started_ms or 0)

    def close(self) -> None:
        """See CrmEyes."""
        self._http.close()

    def _associated(
        self, record_id: str, object_type: str, properties: Sequence[str]
    ) -> list[Mapping[str, Any]]:
        found = self._ask("GET", f"/crm/v4/objects/contacts/{record_id}/associations/{object_type}")
        ids = [{"id": str(one["toObjectId"])} for one in found["results"]]
        if not ids:
            return []
        asked = {"inputs": ids, "properties": list(properties)}
        answer = self._ask("POST", f"/crm/objects/{_HUBSPOT}/{object_type}/batch/read", json=asked)
        return [one["properties"] for one in answer["results"]]

    def _ask(self, method: str, path: str, **what: Any) -> Any:
        answer = until(
            "HubSpot to take requests again",
            lambda: self._http.request(method, path, **what),
            lambda answer: answer.status_code != httpx2.codes.TOO_MANY_REQUESTS,
            every_s=0.5,
        )
        answer.raise_for_status()
        return answer.json()


def _call(properties: Mapping[str, Any]) -> Logged:
    duration = properties["hs_call_duration"]
    direction = properties["hs_call_direction"]
    at = _moment(properties["hs_timestamp"])
    return Logged(
        kind="call",
        conversation_id=properties["hs_call_title"].split()[-1],
        direction=direction.lower() if direction else None,
        seconds=None if duration is None else round(int(duration) / 1000),
        day=at.date().isoformat(),
        started_ms=round(at.timestamp() * 1000),
        text=_plain(properties["hs_call_body"]),
    )


def _chat(properties: Mapping[str, Any]) -> Logged:
    at = _moment(properties["hs_timestamp"])
    text = _plain(properties["hs_communication_body"])
    return Logged(
        kind="chat",
        # A communication has no title: the id is in its text.
        conversation_id=text.splitlines()[0].split()[-1],
        direction=None,
        seconds=None,
        day=at.date().isoformat(),
        started_ms=round(at.timestamp() * 1000),
        text=text,
    )


def _moment(text: str) -> datetime:
    if text.isdigit():
        return datetime.fromtimestamp(int(text) / 1000, UTC)
    return datetime.fromisoformat(text.replace("Z", "+00:00"))


def _plain(html: str | None) -> str:
    return unescape(_TAGS.sub("", (html or "").replace("<br>", "\n"))).replace("\n\n", "\n")
