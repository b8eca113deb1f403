"""Answers of the API: JSON whose numbers are exact, and Retell's error body for every status."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from starlette.responses import Response

from tieline.ports.clock import to_ms
from tieline.store.json_text import dump_json


class JsonResponse(Response):
    """JSON in which a `Decimal` is a number."""

    media_type = "application/json"

    def render(self, content: Any) -> bytes:
        """The body."""
        return dump_json(content)


def error_response(status: int, message: str, headers: Mapping[str, str] | None = None) -> JsonResponse:
    """`{"status": "error", "message": ...}`, the only error body there is."""
    return JsonResponse({"status": "error", "message": message}, status, headers)


def without_none(members: Mapping[str, Any]) -> dict[str, Any]:
    """The members that have a value: what is unset is left out of an answer."""
    return {name: value for name, value in members.items() if value is not None}


def ms(at: datetime | None) -> int | None:
    """A time as the API shows it: epoch milliseconds."""
    return None if at is None else to_ms(at)
