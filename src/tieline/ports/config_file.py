"""What moving a configuration between a file and the store asks of the store."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from tieline.domain.config_file import Document
from tieline.domain.config_file_plan import SetOrganisation
from tieline.domain.extraction.definition import AnalysisDefinition
from tieline.domain.fields import FieldSpec


@dataclass(frozen=True, slots=True)
class Standing:
    """A configuration as it stands: the document, and by key of its apps their ids and credentials in clear."""

    document: Document
    app_ids: Mapping[str, str] = field(default_factory=dict)
    credentials: Mapping[str, Mapping[str, str]] = field(default_factory=dict, repr=False)


class SameNameError(Exception):
    """Two apps of an organisation cannot be told apart by name; the message says what to do."""


class ConfigFileStore(Protocol):
    """The parts of a configuration that are not an app's; those are saved by connecting."""

    async def standing(self, org_id: str) -> Standing:
        """The whole configuration. Raises SameNameError, LookupError."""

    async def holders(self, org_id: str, names: Sequence[str]) -> Mapping[str, int]:
        """How many contacts hold a value of each of those custom fields."""

    async def set_fields(self, org_id: str, fields: Sequence[FieldSpec]) -> None:
        """Replaces the custom fields. Raises ValueError with every problem."""

    async def set_organisation(self, org_id: str, step: SetOrganisation, app_id: str | None) -> None:
        """Replaces all that belongs to the organisation; `app_id` is the linked app. Raises ValueError."""

    async def save_definition(self, org_id: str, definition: AnalysisDefinition) -> None:
        """Replaces an agent's definition; one that says nothing is dropped."""
