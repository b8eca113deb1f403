"""The report of one dry run while it is made: lines are counted, kept and told as they come. Decides nothing."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from typing import TypeAlias

from tieline.domain.changeset import LinkState
from tieline.domain.dry_run import TO_MERGE, Line, Side, Totals, lines_of
from tieline.domain.forecast import Effort, forecast
from tieline.ports.clock import Clock
from tieline.ports.config import AppConfig
from tieline.ports.dry_run import Applied, DryRun, DryRunBook, Figures
from tieline.ports.llm import Classified, ClassifyRequest, LlmError, MergeModel, RewriteRequest, Rewritten
from tieline.ports.store import Store
from tieline.ports.work import UsageRow

Tell: TypeAlias = Callable[[Sequence[Line]], Awaitable[None]]


class Report:
    """One dry run's report. `store` is the real one: what models took was really spent."""

    def __init__(
        self, book: DryRunBook, figures: Figures, store: Store, clock: Clock, dry_run: DryRun, lane: str, tell: Tell
    ) -> None:  # fmt: skip
        self.reads = self.writes = self.items = 0
        self._book, self._figures, self._store, self._clock = book, figures, store, clock
        self._dry_run, self._lane, self._tell = dry_run, lane, tell
        self._began = clock.now()
        self._totals = Totals()
        self._unasked: set[str] = set()
        self._links: dict[str, LinkState] = {}
        self._model_requests, self._model_cost_usd, self._to_merge = 0, 0.0, 0

    def not_asked(self, field_name: str) -> None:
        """A model would have been asked about this field of the contact that is written next."""
        self._unasked.add(field_name)

    async def applied(self, done: Applied) -> None:
        """A unit of work has ended."""
        self.items += done.counts.get("read", 0)
        lines: list[Line] = []
        for changes, before in done.changes:
            lines += lines_of(changes, before, frozenset(self._unasked))
            if changes.contact_changes:
                self._unasked.clear()
            if changes.links:
                self._links = {link.external_id: link for link in changes.links}
        await self.told(lines)
        await self._spent(done.usage)

    async def told(self, lines: Sequence[Line]) -> None:
        """More lines."""
        named = [self._named(line) for line in lines]
        if not named:
            return
        after = self._totals.lines
        self._totals.add(named)
        self._to_merge += sum(entry.outcome == TO_MERGE for line in named for entry in line.entries)
        await self._book.add(self._dry_run, after, named)
        await self._tell(named)

    def _named(self, line: Line) -> Line:
        """A write to the CRM with the contact that it comes from: its link was in the plan just before."""
        link = self._links.get(line.external_id or "") if line.side is Side.CRM else None
        if link is None or line.contact_id is not None:
            return line
        number = line.phone_number or (link.phones[0] if link.phones else None)
        return replace(line, contact_id=link.contact_id, phone_number=number)

    async def _spent(self, usage: Sequence[UsageRow]) -> None:
        if not usage:
            return
        self._model_requests += sum(one.usage.requests for one in usage)
        self._model_cost_usd += sum(one.usage.cost_micro_usd for one in usage) / 1_000_000
        async with self._store.transaction() as uow:
            await uow.work.record_usage(self._dry_run.org_id, usage)

    async def ended(self, app: AppConfig) -> DryRun:
        """It went to its end."""
        org_id, kind = app.org_id, self._dry_run.kind
        effort = Effort(
            self._lane, self.reads, self.writes, self.items, (self._clock.now() - self._began).total_seconds(),
            self._model_requests, self._model_cost_usd, self._to_merge,
        )  # fmt: skip
        pace = await self._figures.pace(org_id, app.app_id, "inbound" if kind == "mappings" else kind)
        cost = await self._figures.cost_of_merge(org_id) if self._to_merge else None
        told = forecast(effort, await self._figures.budget(app), pace, cost)
        return await self._end(replace(self._dry_run, status="succeeded", forecast=told))

    async def failed(self, error: BaseException) -> None:
        """It ended before; what was told so far stays."""
        await self._end(replace(self._dry_run, status="failed", reason=_why(error)))

    async def _end(self, dry_run: DryRun) -> DryRun:
        ended = replace(dry_run, totals=self._totals.to_json(), finished_at=self._clock.now())
        await self._book.end(ended)
        return ended


def _why(error: BaseException) -> str:
    """In words for people; what is not an error of ours may tell more than they should see."""
    if not isinstance(error, Exception):
        return "It was cut off."
    ours = type(error).__module__.startswith("tieline.") and str(error)
    return str(error) if ours else f"An unexpected error ended it: {type(error).__name__}."


class NotAskedError(LlmError):
    """Nobody was to be asked, and no answer is kept."""


class Unasked:
    """A `MergeModel` that nobody asks: it only says what it would have been asked about."""

    def __init__(self, model: MergeModel, report: Report) -> None:
        self._model = model
        self._report = report

    @property
    def engine(self) -> str:
        """The model's, so that answers that are kept are found."""
        return self._model.engine

    @property
    def prompt_version(self) -> str:
        """The model's."""
        return self._model.prompt_version

    async def classify(self, request: ClassifyRequest) -> Classified:
        """Raises NotAskedError."""
        self._report.not_asked(request.field_name)
        raise NotAskedError("No model was asked.")

    async def rewrite(self, request: RewriteRequest) -> Rewritten:
        """Raises NotAskedError."""
        self._report.not_asked(request.field_name)
        raise NotAskedError("No model was asked.")
