"""The history of contact properties, which HubSpot keeps for every property.

https://developers.hubspot.com/docs/api-reference/crm-contacts-v3/guide (propertiesWithHistory)
"""

from collections.abc import Sequence
from typing import Final

import msgspec

from tieline.connectors.hubspot import paths, wire
from tieline.connectors.hubspot.types import Raw, read_value
from tieline.domain.crm_schema import CrmField
from tieline.ports.crm import Operation, Request
from tieline.ports.history import FieldHistory, PastValue

# A request that asks for histories takes half as many records as others.
HISTORY_LIMIT: Final = 50


class Version(msgspec.Struct):
    """One value of a property."""

    value: Raw = None
    timestamp: str | int | None = None


class Historic(msgspec.Struct):
    """A record with the histories that were asked for."""

    id: str
    propertiesWithHistory: dict[str, list[Version]] = {}  # noqa: N815


class HistoricBatch(msgspec.Struct):
    """An answer of a batch read with histories."""

    results: list[Historic]


_historic = wire.Decoder(HistoricBatch)


def read_history(fields: Sequence[CrmField], ids: Sequence[str]) -> Operation[FieldHistory]:
    """The histories of these properties. A record that HubSpot does not return has none."""
    names = [field.name for field in fields]
    found: dict[str, dict[str, list[PastValue]]] = {}
    for start in range(0, len(ids), HISTORY_LIMIT):
        body = {
            "inputs": [{"id": one} for one in ids[start : start + HISTORY_LIMIT]],
            "properties": [wire.MODIFIED],
            "propertiesWithHistory": names,
        }
        answer = _historic((yield Request("POST", paths.CONTACT_BATCH_READ, json=body)))
        for one in answer.results:
            found[one.id] = {
                field.name: _versions(one.propertiesWithHistory.get(field.name, []), field)
                for field in fields
            }
    return found


def _versions(versions: Sequence[Version], field: CrmField) -> list[PastValue]:
    dated = [
        PastValue(read_value(version.value, field), at)
        for version in versions
        if (at := wire.epoch_ms(version.timestamp)) is not None
    ]
    return sorted(dated, key=lambda past: -past.at_ms)
