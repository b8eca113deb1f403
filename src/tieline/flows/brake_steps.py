"""What one transaction of a read does, while it waits behind the brake. Values only."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from tieline.domain.plan_inbound import InboundPlan
from tieline.domain.records import RemoteRecord
from tieline.ports.crm import Page, RemovalsPage
from tieline.ports.store import ReadState


@dataclass(frozen=True, slots=True)
class PageStep:
    """Records of a page and the places that are saved with them. `counts` are of records that needed nothing."""

    records: Sequence[RemoteRecord]
    page: Page
    first_read: bool = False
    fresh: bool = False
    marks: Sequence[tuple[str, ReadState]] = ()
    counts: Mapping[str, int] = field(default_factory=dict)

    @property
    def size(self) -> int:
        """How many records it holds."""
        return len(self.records)


@dataclass(frozen=True, slots=True)
class RemovalStep:
    """A page of deletes and merges, and the place that is saved with it."""

    page: RemovalsPage
    state: ReadState

    @property
    def size(self) -> int:
        """How many removals it holds."""
        return len(self.page.removals)


@dataclass(frozen=True, slots=True)
class MissingStep:
    """Records that the CRM did not return when asked for by id."""

    external_ids: frozenset[str]

    @property
    def size(self) -> int:
        """How many there are."""
        return len(self.external_ids)


@dataclass(frozen=True, slots=True)
class RepairStep:
    """Findings of an audit, and their records as they are now."""

    ids: Sequence[str]
    page: Page

    @property
    def size(self) -> int:
        """How many records it holds."""
        return len(self.page.records)


def cut_down(
    step: PageStep, plan: InboundPlan, again: Callable[[Sequence[RemoteRecord]], InboundPlan]
) -> PageStep:
    """The step without the records that need nothing, which are only counted. `again` plans some of its records."""
    touched = {link.external_id for link in plan.changeset.links}
    idle = [record for record in step.records if record.external_id not in touched]
    proof = again(idle)
    if not idle or proof.changeset or proof.stale or proof.drifted:
        return step
    busy = [record for record in step.records if record.external_id in touched]
    return replace(step, records=busy, counts=proof.changeset.counts)
