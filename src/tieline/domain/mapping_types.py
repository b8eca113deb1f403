"""What a person saves: mappings of contact fields to CRM fields, and of analysis fields to contact fields.

Nothing here is checked; `mapping.py` and `analysis_mapping.py` do that.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

from tieline.domain.pairs import Pair, Policy


class Direction(StrEnum):
    """Inbound: from the CRM to the contact. Outbound: from the contact to the CRM."""

    INBOUND = "inbound"
    OUTBOUND = "outbound"


GUARD_STRICT: Final = "strict"
"""Write record by record under the CRM's own precondition, where it has one."""


@dataclass(frozen=True, slots=True)
class FieldMapping:
    """One line of an app's inbound or outbound mappings.

    `options` leads from contact options to picklist values: what a person gave by hand before the mapping is checked,
    every settled one after. `lossy_confirmed` says that a person accepts a mapping that cannot carry every value.
    """

    external_field_name: str
    field_name: str
    policy: Policy | None = None
    options: Mapping[str, str] = field(default_factory=dict)
    lossy_confirmed: bool = False
    guard: str | None = None


@dataclass(frozen=True, slots=True)
class MappingSet:
    """Checked mappings. `inbound` and `outbound` are what to store, with their options settled.

    `pairs` joins the two directions and leaves the phone number out, which is `phone_field` and is only ever read.
    """

    inbound: tuple[FieldMapping, ...]
    outbound: tuple[FieldMapping, ...]
    phone_field: str
    fallback_phone_fields: tuple[str, ...]
    pairs: tuple[Pair, ...]

    @property
    def crm_fields(self) -> tuple[str, ...]:
        """The CRM fields that a read must ask for: the phone fields first, each name once."""
        names = (self.phone_field, *self.fallback_phone_fields, *(pair.crm.name for pair in self.pairs))
        return tuple(dict.fromkeys(names))
