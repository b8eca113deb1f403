"""Finding contacts by number through the search index.

HubSpot keeps two calculated properties with the national digits of `phone` and `mobilephone`, which survive
any spelling. They do not cover other phone properties, nor numbers that HubSpot could not parse; for those
the usual spellings are searched for as they stand. Hits are candidates: the caller compares them as E.164.
"""

from collections.abc import Sequence
from typing import Final

import phonenumbers

from tieline.connectors.hubspot import paths
from tieline.connectors.hubspot.searching import Filter, as_page, body_fits, search_body, send
from tieline.connectors.hubspot.wire import BOOKKEEPING, property_names
from tieline.domain.crm_schema import CrmField
from tieline.domain.records import RemoteRecord
from tieline.ports.crm import Operation, Page

_SEARCHABLE: Final = ("hs_searchable_calculated_phone_number", "hs_searchable_calculated_mobile_number")
_GROUPS: Final = 5
_MOST_CANDIDATES: Final = 2_000


def find_by_phone(fields: Sequence[CrmField], e164: str, phone_fields: Sequence[str]) -> Operation[Page]:
    """Every candidate, each once, in as many searches as the limit on filter groups makes necessary."""
    groups = _groups(e164, phone_fields)
    records: dict[str, RemoteRecord] = {}
    first: Page | None = None
    for start in range(0, len(groups), _GROUPS):
        page = yield from _find(fields, groups[start : start + _GROUPS])
        first = first or page
        records.update((one.external_id, one) for one in page.records)
    assert first is not None  # there are always the two searchable properties
    return Page(list(records.values()), None, None, first.requested_at, authoritative=first.authoritative)


def _find(fields: Sequence[CrmField], groups: list[list[Filter]]) -> Operation[Page]:
    names = property_names(fields)
    fits = body_fits(groups, [], names)
    body = search_body(groups, [], names if fits else BOOKKEEPING, paths.SEARCH_LIMIT)
    response, found = yield from send(body)
    page = yield from as_page(found, response, fields, values=fits)
    records = list(page.records)
    # A switchboard number may have hundreds; offsets are good enough for candidates, and the cap is never
    # near.
    while found.after is not None and len(records) < _MOST_CANDIDATES:
        response, found = yield from send({**body, "after": found.after})
        records += (yield from as_page(found, response, fields, values=fits)).records
    return Page(records, None, None, page.requested_at, authoritative=page.authoritative)


def _groups(e164: str, phone_fields: Sequence[str]) -> list[list[Filter]]:
    spelled = spellings(e164)
    digits = [spelling for spelling in spelled if spelling.isdigit()]
    groups: list[list[Filter]] = [
        [{"propertyName": name, "operator": "IN", "values": digits}] for name in _SEARCHABLE
    ]
    for name in dict.fromkeys(phone_fields):
        groups.append([{"propertyName": name, "operator": "IN", "values": spelled}])
    return groups


def spellings(e164: str) -> list[str]:
    """The usual ways to write a number: E.164, digits with and without country code, national and
    international form, and for the North American plan the forms with dots and dashes. Lower case, as the
    operator IN wants."""
    try:
        number = phonenumbers.parse(e164, None)
    except phonenumbers.NumberParseException:
        bare = "".join(character for character in e164 if character.isdigit())
        return list(dict.fromkeys([e164, bare]))
    national = phonenumbers.national_significant_number(number)
    formats = phonenumbers.PhoneNumberFormat
    local = phonenumbers.format_number(number, formats.NATIONAL)
    found = [
        e164,
        national,
        f"{number.country_code}{national}",
        "".join(character for character in local if character.isdigit()),
        local,
        phonenumbers.format_number(number, formats.INTERNATIONAL),
        f"+{number.country_code} {national}",
    ]
    if number.country_code == 1 and len(national) == 10:
        area, office, line = national[:3], national[3:6], national[6:]
        found += [
            f"{area}-{office}-{line}",
            f"{area}.{office}.{line}",
            f"({area}){office}-{line}",
            f"+1 ({area}) {office}-{line}",
            f"+1-{area}-{office}-{line}",
            f"1-{area}-{office}-{line}",
            f"1 {area} {office} {line}",
        ]
    return list(dict.fromkeys(one.lower() for one in found if one))
