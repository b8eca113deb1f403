"""A conversation as Retell shows a call or a chat (`retell.types.phone_call_response`, `web_call_response`,
`chat_response`), and beside that what Tieline knows more: on what an analysis of its own rests, and what it took.

Must never show an access token; there is none.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from tieline.api.responses import ms, without_none
from tieline.ports.llm import Usage

_PRESETS: Final = ("summary", "successful")


def conversation_json(row: Mapping[str, Any], uses: Sequence[Usage]) -> dict[str, Any]:
    """The conversation. What is not known is left out, or empty where Retell's shape requires it."""
    kind = row["type"]
    version = str(row["agent_version"] or "")
    common = {
        "agent_id": row["agent_id"] or "",
        "start_timestamp": ms(row["started_at"]),
        "end_timestamp": ms(row["ended_at"]),
        "transcript": row["transcript"],
        "metadata": row["metadata"],
        f"{kind}_analysis": _analysis(kind, row["analysis"]),
        "platform": row["platform"],
        "contact_id": row["contact_id"],
        "analysis_evidence": row["evidence"],
        "analysis_origin": _origin(row["analysis_origin"]),
        "analysis_pending": True if row["extraction_due_at"] is not None else None,
        "model_usage": [usage_json(one) for one in uses] or None,
    }
    number = int(version) if version.isdecimal() else 0
    own = _call(row, number) if kind == "call" else _chat(row, number)
    return without_none({**common, **own})


def _call(row: Mapping[str, Any], version: int) -> dict[str, Any]:
    status = row["status"]
    members = {
        "call_id": row["conversation_id"],
        "call_status": "ended" if status == "analyzed" else status,
        "agent_version": version,
        "duration_ms": row["duration_ms"],
        "disconnection_reason": row["disconnection_reason"],
    }
    if not row["has_number"]:
        return {**members, "call_type": "web_call", "access_token": ""}
    return {
        **members,
        "call_type": "phone_call",
        "direction": row["direction"] or "inbound",
        "from_number": row["from_number"] or "",
        "to_number": row["to_number"] or "",
    }


def _chat(row: Mapping[str, Any], version: int) -> dict[str, Any]:
    status = row["status"]
    return {
        "chat_id": row["conversation_id"],
        "chat_status": {"ongoing": "ongoing", "registered": "ongoing", "error": "error"}.get(status, "ended"),
        "chat_type": "sms_chat" if row["has_number"] else "api_chat",
        "version": version,
    }


def _analysis(kind: str, analysis: Mapping[str, Any] | None) -> dict[str, Any] | None:
    """Presets, and everything else as custom data."""
    if analysis is None:
        return None
    presets = {*(f"{kind}_{name}" for name in _PRESETS), "user_sentiment", "in_voicemail"}
    own = {name: value for name, value in analysis.items() if name in presets}
    custom = {name: value for name, value in analysis.items() if name not in presets}
    return {**own, "custom_analysis_data": custom}


def _origin(origin: Mapping[str, Any] | None) -> dict[str, Any] | None:
    if origin is None:
        return None
    return {name: origin.get(name) for name in ("engine", "prompt_version", "dropped")}


def usage_json(usage: Usage) -> dict[str, Any]:
    """What a use of a model took. A million micro-dollars are a dollar."""
    return {
        "use": str(usage.use),
        "engine": usage.engine,
        "prompt_version": usage.prompt_version,
        "requests": usage.requests,
        "input_tokens": usage.input_tokens,
        "output_tokens": usage.output_tokens,
        "cost_micro_usd": usage.cost_micro_usd,
        "duration_ms": usage.duration_ms,
    }
