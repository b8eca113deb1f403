"""The agent platform's side: webhooks as Retell sends and signs them.

The signature is computed here by Retell's published rule and not by Tieline's own code, which it must convince:
`v=<ms>,d=<hex of HMAC-SHA256 over body and ms>`, https://docs.retellai.com/features/secure-webhook
"""

import hashlib
import hmac
import json
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import httpx2

Direction = Literal["inbound", "outbound"]

AGENT_NUMBER = "+14155550199"
AGENT_ID = "agent_demo"


def now_ms() -> int:
    """Epoch milliseconds."""
    return int(time.time() * 1000)


@dataclass(frozen=True)
class Talk:
    """A call or a chat that took place. Times are epoch milliseconds."""

    talk_id: str
    started_ms: int
    ended_ms: int
    summary: str
    extracted: Mapping[str, Any]
    direction: Direction = "outbound"

    @property
    def duration_ms(self) -> int:
        """How long it took."""
        return self.ended_ms - self.started_ms


def talk(
    talk_id: str, seconds: int, summary: str, extracted: Mapping[str, Any], direction: Direction = "outbound"
) -> Talk:
    """One that has just ended."""
    ended = now_ms()
    return Talk(talk_id, ended - seconds * 1000, ended, summary, extracted, direction)


class AgentPlatform:
    """Sends one organisation's webhooks to a Tieline server."""

    def __init__(self, base_url: str, org_id: str, secret: str) -> None:
        self._secret = secret
        self._org_id = org_id
        self._http = httpx2.Client(base_url=base_url, timeout=10)

    def close(self) -> None:
        """Closes its connections."""
        self._http.close()

    def call_started(self, call: Talk, number: str) -> int:
        """The webhook call_started; the answer's status."""
        return self._event("call_started", "call", {**_call(call, number), "call_status": "ongoing"})

    def call_ended(self, call: Talk, number: str) -> int:
        """The webhook call_ended, without an analysis; the answer's status."""
        return self._event("call_ended", "call", {**_call(call, number), **_end(call)})

    def call_analyzed(self, call: Talk, number: str) -> int:
        """The webhook call_analyzed; the answer's status."""
        analysis = {
            "call_summary": call.summary,
            "user_sentiment": "Positive",
            "call_successful": True,
            "custom_analysis_data": dict(call.extracted),
        }
        body = {**_call(call, number), **_end(call), "call_analysis": analysis}
        return self._event("call_analyzed", "call", body)

    def chat_ended(self, chat: Talk) -> int:
        """The webhook chat_ended. As in Retell, an SMS chat's event names no number."""
        return self._event("chat_ended", "chat", _chat(chat))

    def chat_analyzed(self, chat: Talk) -> int:
        """The webhook chat_analyzed."""
        analysis = {
            "chat_summary": chat.summary,
            "user_sentiment": "Positive",
            "chat_successful": True,
            "custom_analysis_data": dict(chat.extracted),
        }
        return self._event("chat_analyzed", "chat", {**_chat(chat), "chat_analysis": analysis})

    def inbound(self, kind: Literal["call_inbound", "chat_inbound"], number: str) -> dict[str, str]:
        """The inbound webhook: asks, while it rings, what is known of the number. Its dynamic variables."""
        asked = {"agent_id": AGENT_ID, "agent_version": 1, "from_number": number, "to_number": AGENT_NUMBER}
        answer = self._post(
            "/webhooks/retell/inbound", {"event": kind, "event_timestamp": now_ms(), kind: asked}
        )
        answer.raise_for_status()
        variables: dict[str, str] = answer.json()[kind]["dynamic_variables"]
        return variables

    def forged(self, call: Talk, number: str) -> int:
        """A call_analyzed that somebody else signed; the answer's status."""
        body = {"event": "call_analyzed", "call": {**_call(call, number), **_end(call)}}
        return self._post("/webhooks/retell", body, secret="somebody-elses-secret").status_code

    def _event(self, event: str, member: str, data: Mapping[str, Any]) -> int:
        answer = self._post("/webhooks/retell", {"event": event, member: data})
        answer.raise_for_status()
        return answer.status_code

    def _post(self, path: str, payload: Mapping[str, Any], secret: str | None = None) -> httpx2.Response:
        body = json.dumps(payload).encode()
        stamp = str(now_ms())
        digest = hmac.new((secret or self._secret).encode(), body + stamp.encode(), hashlib.sha256)
        headers = {
            "content-type": "application/json",
            "x-retell-signature": f"v={stamp},d={digest.hexdigest()}",
        }
        return self._http.post(path, params={"org_id": self._org_id}, content=body, headers=headers)


def _call(call: Talk, number: str) -> dict[str, Any]:
    outbound = call.direction == "outbound"
    return {
        "call_type": "phone_call",
        "call_id": call.talk_id,
        "agent_id": AGENT_ID,
        "agent_version": 1,
        "direction": call.direction,
        "from_number": AGENT_NUMBER if outbound else number,
        "to_number": number if outbound else AGENT_NUMBER,
        "start_timestamp": call.started_ms,
    }


def _end(call: Talk) -> dict[str, Any]:
    return {
        "call_status": "ended",
        "end_timestamp": call.ended_ms,
        "duration_ms": call.duration_ms,
        "disconnection_reason": "user_hangup",
    }


def _chat(chat: Talk) -> dict[str, Any]:
    return {
        "chat_id": chat.talk_id,
        "chat_type": "sms_chat",
        "chat_status": "ended",
        "agent_id": AGENT_ID,
        "start_timestamp": chat.started_ms,
        "end_timestamp": chat.ended_ms,
    }
