"""Finding contacts by number. BottleCRM's search for duplicates compares the last ten digits, however written.

It gives at most ten hits, which is more than anybody needs to know that there are several, and its pace is limited.
A number that was typed without its country code is found by its national form. What the organisation keeps in fields of
its own is found only in the usual spellings.
"""

from collections.abc import Iterable, Sequence
from typing import Any, Final

import phonenumbers

from tieline.connectors.bottlecrm import paths
from tieline.connectors.bottlecrm.reading import read_by_ids
from tieline.connectors.bottlecrm.types import CUSTOM, custom_key
from tieline.connectors.spec import decode_object, malformed
from tieline.domain.crm_schema import CrmField
from tieline.ports.crm import Operation, Page, Request

_COMPARED: Final = 10
_FEWEST: Final = 7
_LIST: Final = "10"


def find_by_phone(fields: Sequence[CrmField], e164: str, phone_fields: Sequence[str]) -> Operation[Page]:
    """Every candidate once, with its live values."""
    ids: dict[str, None] = {}
    for spelled in _apart(spellings(e164)):
        request = Request("POST", paths.DUPLICATES, json={"phone": spelled}, bucket=paths.DUPLICATES_BUCKET)
        response = yield request
        ids |= _ids(request, response, "duplicates")
    for name in phone_fields:
        key = custom_key(name)
        for spelled in spellings(e164) if key else ():
            query = {f"{CUSTOM}{key}": spelled, "limit": _LIST}
            request = Request("GET", paths.CONTACTS, query=query)
            response = yield request
            ids |= _ids(request, response, "results")
    return (yield from read_by_ids(fields, list(ids)))


def spellings(e164: str) -> list[str]:
    """The usual ways to write a number: E.164, national and international form, and their digits."""
    try:
        number = phonenumbers.parse(e164, None)
    except phonenumbers.NumberParseException:
        return [e164]
    formats = phonenumbers.PhoneNumberFormat
    national = phonenumbers.format_number(number, formats.NATIONAL)
    international = phonenumbers.format_number(number, formats.INTERNATIONAL)
    significant = phonenumbers.national_significant_number(number)
    return list(dict.fromkeys([e164, national, _digits(national), significant, international]))


def _apart(spelled: Iterable[str]) -> list[str]:
    """The first of those that BottleCRM's comparison does not tell apart. E.164 comes first: what BottleCRM could bring
    into that form itself is compared by it.
    """
    apart: dict[str, str] = {}
    for one in spelled:
        apart.setdefault(_digits(one)[-_COMPARED:], one)
    return [one for digits, one in apart.items() if len(digits) >= _FEWEST]


def _digits(text: str) -> str:
    return "".join(character for character in text if character.isdigit())


def _ids(request: Request, response: Any, member: str) -> dict[str, None]:
    found = decode_object(request, response).get(member)
    if not isinstance(found, list) or not all(isinstance(one, dict) and one.get("id") for one in found):
        raise malformed(request, response, f"it has no {member}")
    return dict.fromkeys(str(one["id"]) for one in found)
