"""Typed access to decoded JSON. Every getter raises `AdminError` naming the member and what it must be."""

import json
from collections.abc import Mapping
from datetime import datetime

from tieline.sandbox.kernel.errors import AdminError

JsonObject = dict[str, object]


def decode_object(body: bytes) -> JsonObject:
    """An empty body counts as `{}`."""
    if not body.strip():
        return {}
    try:
        value = json.loads(body)
    except ValueError as error:
        raise AdminError(f"the body is not JSON: {error}") from error
    return as_object(value, "the body")


def as_object(value: object, name: str) -> JsonObject:
    if not isinstance(value, dict):
        raise AdminError(f"{name} must be a JSON object")
    return {str(key): item for key, item in value.items()}


def get_object(spec: Mapping[str, object], name: str) -> JsonObject:
    return as_object(spec.get(name, {}), name)


def get_text(spec: Mapping[str, object], name: str) -> str:
    value = get_optional_text(spec, name)
    if value is None:
        raise AdminError(f"{name} is missing; it must be text")
    return value


def get_optional_text(spec: Mapping[str, object], name: str) -> str | None:
    value = spec.get(name)
    if value is not None and not isinstance(value, str):
        raise AdminError(f"{name} must be text")
    return value


def get_texts(spec: Mapping[str, object], name: str) -> list[str]:
    value = spec.get(name)
    if isinstance(value, str):
        return [value]
    if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
        raise AdminError(f"{name} must be a list of texts")
    return [str(item) for item in value]


def get_number(spec: Mapping[str, object], name: str, default: float | None = None) -> float:
    value = spec.get(name, default)
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise AdminError(f"{name} must be a number")
    return float(value)


def get_int(spec: Mapping[str, object], name: str, default: int | None = None) -> int:
    value = spec.get(name, default)
    if isinstance(value, bool) or not isinstance(value, int):
        raise AdminError(f"{name} must be a whole number")
    return value


def get_bool(spec: Mapping[str, object], name: str, default: bool = False) -> bool:
    value = spec.get(name, default)
    if not isinstance(value, bool):
        raise AdminError(f"{name} must be true or false")
    return value


def parse_moment(text: str, name: str) -> datetime:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as error:
        raise AdminError(f"{name} must be an ISO 8601 datetime with a zone") from error
    if moment.tzinfo is None:
        raise AdminError(f"{name} must carry a time zone")
    return moment
