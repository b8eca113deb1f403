"""BottleCRM's JSON, tamed: contacts as records, the definitions of the organisation's own fields, the CRM's clock."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Any

import msgspec

from tieline.connectors.bottlecrm import paths
from tieline.connectors.bottlecrm.types import Definition, custom_key, read_value
from tieline.connectors.spec import decode_object, malformed
from tieline.domain import instants
from tieline.domain.crm_schema import CrmField
from tieline.domain.records import RemoteRecord
from tieline.ports.crm import Operation, Request, Response

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)

Contact = Mapping[str, Any]
"""A contact as BottleCRM shows it."""


def definitions_of(request: Request, response: Response, found: Any) -> list[Definition]:
    """The definitions in an answer that are in force."""
    try:
        defined = msgspec.convert(found, list[Definition])
    except msgspec.ValidationError as error:
        raise malformed(request, response, str(error)) from None
    return [one for one in defined if one.is_active and one.target_model == "Contact"]


def definitions() -> Operation[list[Definition]]:
    """The organisation's own contact fields, as they are now."""
    query = {"target_model": "Contact", "active_only": "true", "include_counts": "false"}
    request = Request("GET", paths.DEFINITIONS, query=query)
    response = yield request
    return definitions_of(request, response, decode_object(request, response).get("definitions"))


def has_custom(fields: Iterable[CrmField]) -> bool:
    """Whether any of them is the organisation's own."""
    return any(custom_key(field.name) is not None for field in fields)


def contacts(request: Request, response: Response, found: Any) -> Sequence[Contact]:
    """The contacts of a list. Raises MalformedAnswerError for one without id or stamps."""
    if not isinstance(found, list):
        raise malformed(request, response, "it has no list of contacts")
    for one in found:
        is_contact = isinstance(one, dict) and isinstance(one.get("id"), str) and one["id"]
        if not (is_contact and instant(one.get("created_at")) and instant(one.get("updated_at"))):
            raise malformed(request, response, "a contact in it has no id or no stamps")
    return found


def record(one: Contact, fields: Iterable[CrmField], defined: Collection[str]) -> RemoteRecord:
    """A contact as a record.

    BottleCRM keeps no key for an empty field of the organisation's own, nor for one that is no longer defined. The
    first is None; the second is absent, and only the definitions (`defined`, their keys) tell which it is.
    """
    own = one.get("custom_fields")
    values = {}
    for field in fields:
        key = custom_key(field.name)
        if key is None:
            if field.name in one:
                values[field.name] = read_value(one[field.name], field)
        elif key in defined and isinstance(own, dict):
            values[field.name] = read_value(own.get(key), field)
    return RemoteRecord(
        external_id=str(one["id"]),
        created_ms=epoch_ms(one["created_at"]),
        modified_ms=epoch_ms(one["updated_at"]),
        values=values,
    )


def instant(text: Any) -> datetime | None:
    """A stamp, which BottleCRM writes in the organisation's time zone; None if it is none."""
    found = instants.parse_datetime(text) if isinstance(text, str) else None
    return found if found is not None and found.tzinfo is not None else None


def epoch_ms(text: Any) -> int:
    """A stamp in milliseconds; 0 if it is none."""
    found = instant(text)
    return 0 if found is None else instants.epoch_ms(found)


def epoch_us(text: Any) -> int:
    """A stamp in microseconds, as fine as BottleCRM keeps it; 0 if it is none."""
    found = instant(text)
    return 0 if found is None else (found - _EPOCH) // _MICROSECOND


def crm_clock(response: Response) -> str:
    """The CRM's time of an answer, canonical; ours where it tells none."""
    moment = response.requested_at
    with suppress(TypeError, ValueError):
        told = parsedate_to_datetime(response.headers.get("date", ""))
        moment = told if told.tzinfo is not None else moment
    return instants.instant_text(moment.astimezone(UTC)) or ""
