"""What comes from a CRM and what goes to it, already tamed: our types, no vendor's JSON.

Times are milliseconds since the epoch on the CRM's own clock unless a name says otherwise.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from tieline.domain.values import Value


@dataclass(frozen=True, slots=True)
class RemoteRecord:
    """The CRM's copy of a person at one moment.

    `values` holds the fields that were asked for, by CRM field name, in canonical form by the field's kind; a field
    that the answer did not contain is not a key (absent), an empty one is None. A multi-select is its options' values
    joined by `;`. `modified_by` is the CRM's id of the user of the last change, where the CRM tells. `merged_ids` are
    records that the CRM merged into this one.
    """

    external_id: str
    created_ms: int
    modified_ms: int
    values: Mapping[str, Value]
    modified_by: str | None = None
    merged_ids: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Removal:
    """A record that is gone: deleted, or merged into `survivor_id`."""

    external_id: str
    at_ms: int
    survivor_id: str | None = None


@dataclass(frozen=True, slots=True)
class Patch:
    """Fields to set on one record, in canonical form; None clears. Fields not named are not touched."""

    external_id: str
    values: Mapping[str, Value] = field(default_factory=dict)
