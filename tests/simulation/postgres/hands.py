"""How people here and platforms reach a real Tieline: by its API, over HTTP. Implements the doors of `scene`."""

import json
from collections.abc import Mapping
from typing import Any, Final

import httpx2
from tests.simulation.postgres.warp import Warp

from tieline.api.webhooks.signature import HEADER, sign
from tieline.domain.intake import Report
from tieline.flows.editing import Edit, Editor
from tieline.ports.clock import to_ms

_EVENTS: Final = {"ongoing": "started", "ended": "ended", "analyzed": "analyzed"}
_PRESETS: Final = ("call_summary",)


class HttpEditing:
    """`PATCH /update-contact`, again when somebody was faster all the time."""

    def __init__(self, http: httpx2.AsyncClient) -> None:
        self.http = http

    async def update(self, org_id: str, rules: Any, contact_id: str, edit: Edit, editor: Editor) -> None:
        """See `scene.EditingDoor`."""
        body: dict[str, Any] = dict(edit.values)
        if edit.custom_fields:
            body["custom_fields"] = dict(edit.custom_fields)
        answer = await self.http.patch(f"/update-contact/{contact_id}", json=body)
        if answer.status_code != 404:  # merged away and deleted a moment ago
            answer.raise_for_status()


class HttpIntake:
    """The platform's webhook, signed."""

    def __init__(self, http: httpx2.AsyncClient, secret: str, clock: Warp) -> None:
        self._http, self._secret, self._clock = http, secret, clock

    async def take(self, org_id: str, report: Report, raw: Mapping[str, Any]) -> None:
        """See `scene.IntakeDoor`."""
        body = json.dumps(payload(report)).encode()
        headers = {
            HEADER: sign(body, self._secret, to_ms(self._clock.now())),
            "content-type": "application/json",
        }
        answer = await self._http.post(f"/webhooks/retell?org_id={org_id}", content=body, headers=headers)
        answer.raise_for_status()


def payload(report: Report) -> dict[str, Any]:
    """A report as the platform would send it."""
    kind = report.type
    data: dict[str, Any] = {
        f"{kind}_id": report.conversation_id, f"{kind}_status": "ongoing" if report.status == "ongoing" else "ended",
        "direction": report.direction, "from_number": report.from_number, "to_number": report.to_number,
        "start_timestamp": to_ms(report.started_at) if report.started_at else None,
        "end_timestamp": to_ms(report.ended_at) if report.ended_at else None,
        "duration_ms": report.duration_ms, "disconnection_reason": report.disconnection_reason,
    }  # fmt: skip
    if report.analysis is not None:
        custom = {name: value for name, value in report.analysis.items() if name not in _PRESETS}
        data[f"{kind}_analysis"] = {f"{kind}_summary": report.summary, "custom_analysis_data": custom}
    told = {name: value for name, value in data.items() if value is not None}
    return {"event": f"{kind}_{_EVENTS[report.status]}", kind: told}
