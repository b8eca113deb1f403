"""What a CRM that keeps the history of its fields can tell: every value that a field had, and when.

For connectors that declare `Capability.FIELD_HISTORY`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol, TypeAlias

from tieline.domain.crm_schema import CrmField
from tieline.domain.values import Value
from tieline.ports.crm import Operation


@dataclass(frozen=True, slots=True)
class PastValue:
    """A value that a field was given at `at_ms` (the CRM's clock), in canonical form."""

    value: Value
    at_ms: int


FieldHistory: TypeAlias = Mapping[str, Mapping[str, Sequence[PastValue]]]
"""By record id and field name: the values a field had, the newest first."""


class HistoryReader(Protocol):
    """The operation of a connector with field history."""

    def read_history(self, fields: Sequence[CrmField], ids: Sequence[str]) -> Operation[FieldHistory]:
        """The histories of these fields of up to `write_batch` records, in as few requests as the CRM allows."""
