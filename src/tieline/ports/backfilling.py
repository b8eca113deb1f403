"""What a backfill asks of the store: which conversations, whose, and how far it came."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from tieline.domain.backfill import BackfillRequest
from tieline.domain.plan_analysis import Contributed
from tieline.ports.store import UnitOfWork
from tieline.ports.work import Conversation


@dataclass(frozen=True, slots=True)
class Progress:
    """A backfill as it stands: what is asked, the contact up to which all are done, and whether what has no analysis
    yet was given to the extraction."""

    request: BackfillRequest
    last_contact_id: str
    extraction_wanted: bool


class BackfillStore(Protocol):
    """The rows of backfills. `names` are names of analysis data; conversations without any are left out, but for the
    memory."""

    async def progress(self, org_id: str, run_id: str) -> Progress:
        """Where it stands."""

    async def want_extraction(self, org_id: str, run_id: str, request: BackfillRequest) -> None:
        """Makes what has a transcript and no analysis due for the extraction, and wakes for it. Once a run."""

    async def extraction_waits(self, org_id: str, request: BackfillRequest) -> bool:
        """Whether conversations of the request are still to be analysed, or to be mapped since."""

    async def live_work_waits(self, org_id: str) -> bool:
        """Whether a conversation that just ended is due."""

    async def contacts_after(
        self, org_id: str, request: BackfillRequest, names: Sequence[str], after: str, limit: int
    ) -> Sequence[str]:
        """Contacts with conversations to be taken up, by id."""

    async def merged_since_begun(
        self, org_id: str, run_id: str, request: BackfillRequest, names: Sequence[str]
    ) -> Sequence[str]:
        """Those that took another contact's conversations since the run began: perhaps behind its back."""

    async def conversations(
        self, org_id: str, request: BackfillRequest, names: Sequence[str], contact_id: str
    ) -> Sequence[Conversation]:
        """A contact's, in the order of their ends."""

    async def known(
        self, unit: UnitOfWork, org_id: str, contact_id: str, fields: Sequence[str]
    ) -> Sequence[Contributed]:
        """What its conversations did to these fields, since the fields are there."""

    async def set_by_others(
        self, unit: UnitOfWork, org_id: str, contact_id: str, fields: Sequence[str]
    ) -> Mapping[str, int]:
        """When somebody else than a conversation last changed each field (epoch ms)."""

    async def advance(
        self, unit: UnitOfWork, org_id: str, run_id: str, contact_id: str, counts: Mapping[str, int]
    ) -> None:
        """A contact is done, in the unit's transaction."""

    async def told(self, org_id: str, run_id: str, engines: Sequence[str]) -> None:
        """What merged texts in the run."""
