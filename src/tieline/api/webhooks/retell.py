"""Retell's webhook payloads as reports of conversations. Reads what is there; what is missing or odd is left out.

Shapes: `retell.types.phone_call_response`, `web_call_response`, `chat_response`, and
https://docs.retellai.com/features/webhook-overview. This module must never fail on a member that it does not
need.
"""

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from hashlib import sha256
from typing import Any, Final

from tieline.domain.intake import STAGES, Report, with_numbers, with_other_number
from tieline.store.json_text import canonical_json

PLATFORM: Final = "retell"
MAX_ID: Final = 250

EVENTS: Final[Mapping[str, str]] = {
    "call_started": "call",
    "call_ended": "call",
    "call_analyzed": "call",
    "chat_started": "chat",
    "chat_ended": "chat",
    "chat_analyzed": "chat",
}

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_LATEST_MS = 253_402_300_799_999  # the end of year 9999
# Transcripts in other forms are large, and an access token is a secret.
_NOT_KEPT = frozenset({"access_token", "transcript", "transcript_object", "llm_token_usage", "latency"})


def report_of(event: str, data: Mapping[str, Any], region: str) -> Report | None:
    """One event's call or chat; None if it has no usable id.

    `region` is for numbers without a country code.
    """
    kind = EVENTS[event]
    conversation_id = text(data.get(f"{kind}_id"), MAX_ID)
    if conversation_id is None:
        return None
    started, ended = instant(data.get("start_timestamp")), instant(data.get("end_timestamp"))
    analysis = flat_analysis(data.get(f"{kind}_analysis"))
    metadata = data.get("metadata")
    report = Report(
        platform=PLATFORM,
        conversation_id=conversation_id,
        type=kind,
        status=_status(event, text(data.get(f"{kind}_status"))),
        direction=one_of(data.get("direction"), "inbound", "outbound"),
        agent_id=text(data.get("agent_id")),
        agent_version=scalar_text(data.get("agent_version", data.get("version"))),
        started_at=started,
        ended_at=ended,
        duration_ms=duration(data.get("duration_ms"), started, ended),
        disconnection_reason=text(data.get("disconnection_reason")),
        transcript=text(data.get("transcript")),
        metadata=metadata if isinstance(metadata, dict) else None,
        **analysis_members(kind, analysis),
    )
    return _with_parties(report, data, region)


def kept(data: Mapping[str, Any]) -> dict[str, Any]:
    """What is kept of the event as it came."""
    return {
        name: value for name, value in data.items() if name not in _NOT_KEPT and "with_tool_calls" not in name
    }


def may_be_announced(event: str, data: Mapping[str, Any]) -> bool:
    """Whether a `chat_inbound` may have told this chat's numbers: SMS chats, and chats that do not say their type."""
    return EVENTS[event] == "chat" and data.get("chat_type") != "api_chat"


def flat_analysis(raw: Any) -> dict[str, Any] | None:
    """Presets and custom data side by side, by name. A preset's name cannot be taken by custom data."""
    if not isinstance(raw, dict):
        return None
    presets = {name: value for name, value in raw.items() if name != "custom_analysis_data"}
    custom = raw.get("custom_analysis_data")
    return {**custom, **presets} if isinstance(custom, dict) else presets


def analysis_members(kind: str, analysis: Mapping[str, Any] | None) -> dict[str, Any]:
    """The members of a report that come from an analysis."""
    if analysis is None:
        return {}
    successful = analysis.get(f"{kind}_successful")
    return {
        "analysis": analysis,
        "analysis_version": sha256(canonical_json(analysis)).hexdigest(),
        "summary": text(analysis.get(f"{kind}_summary")),
        "sentiment": text(analysis.get("user_sentiment")),
        "successful": successful if isinstance(successful, bool) else None,
    }


def _status(event: str, status: str | None) -> str:
    """The stage that the event stands for; how a call ended is told by its own status."""
    stage = event.partition("_")[2]
    if stage == "analyzed":
        return "analyzed"
    if stage == "started":
        return "ongoing"
    return status if status is not None and STAGES.get(status) == STAGES["ended"] else "ended"


def _with_parties(report: Report, data: Mapping[str, Any], region: str) -> Report:
    """Who took part: the numbers of the call, those of an SMS chat, else the number that the metadata names."""
    from_number, to_number = text(data.get("from_number")), text(data.get("to_number"))
    if from_number or to_number:
        if report.direction is None and report.type == "chat":
            report = replace(report, direction="inbound")
        report = with_numbers(report, from_number, to_number, region)
    metadata = report.metadata or {}
    named = text(metadata.get("phone_number")) or text(metadata.get("phone"))
    if not report.has_number and named:
        report = with_other_number(report, named, region)
    return report


def text(value: Any, longest: int | None = None) -> str | None:
    """Text with something in it, else None."""
    if not isinstance(value, str) or not value.strip() or (longest is not None and len(value) > longest):
        return None
    return value


def scalar_text(value: Any) -> str | None:
    """A version, which may be a number."""
    return None if value is None or isinstance(value, dict | list | bool) else str(value)


def one_of(value: Any, *allowed: str) -> str | None:
    """The value if it is one of these."""
    return value if isinstance(value, str) and value in allowed else None


def instant(value: Any) -> datetime | None:
    """Epoch milliseconds as a time."""
    if isinstance(value, bool) or not isinstance(value, int | Decimal) or not 0 <= value <= _LATEST_MS:
        return None
    return _EPOCH + timedelta(milliseconds=int(value))


def duration(value: Any, started: datetime | None, ended: datetime | None) -> int | None:
    """Milliseconds, as told or from the two times."""
    if isinstance(value, int | Decimal) and not isinstance(value, bool) and 0 <= value < 2**53:
        return int(value)
    if started is None or ended is None or ended < started:
        return None
    return (ended - started) // timedelta(milliseconds=1)
