"""What a dry run must not do, and what it says of the brake and of models."""

from collections.abc import Sequence
from typing import Any

import pytest
from psycopg import errors
from tests.integration.flows.conftest import NAMES, alice
from tests.integration.flows.house import APP, ORG, House
from tests.integration.flows.test_brake import crowd, limit, rep_edits
from tests.integration.flows.trying import dry_running, everything, tried
from tests.support import url_of

from tieline.domain.facts import Judgement, Relation
from tieline.domain.records import Patch
from tieline.flows.analysis import AnalysisFlow
from tieline.flows.dry_running import Asked, DryRunRefusedError
from tieline.flows.dry_session import ReadingSession, WouldWriteError
from tieline.ports.config import AppConfig
from tieline.ports.crm import Refused
from tieline.ports.dry_run import Applied, DryRun
from tieline.ports.errors import BrakedError, CrmError
from tieline.ports.llm import (
    Classified,
    ClassifyRequest,
    LlmError,
    ModelUse,
    RewriteRequest,
    Rewritten,
    Usage,
)
from tieline.store.answers import KeptAnswersStore
from tieline.store.dry_runs import DryRunReports
from tieline.store.shadow import PostgresShadows

NUMBER = "+14155550100"


class Judge:
    """Takes everything for new, and counts how often it was asked."""

    engine, prompt_version = "judge", "1"

    def __init__(self) -> None:
        self.asked = 0

    async def classify(self, request: ClassifyRequest) -> Classified:
        self.asked += 1
        usage = Usage(ModelUse.MERGE, self.engine, self.prompt_version, 1, 100, 10, 2500, 5)
        return Classified(tuple(Judgement(Relation.NEW, ()) for _ in request.new), usage)

    async def rewrite(self, request: RewriteRequest) -> Rewritten:
        raise LlmError("It only judges.")


async def nothing(done: Applied) -> None:
    return None


async def analyse(home: House, model: Judge) -> None:
    async def no_read(app: AppConfig, external_ids: Sequence[str]) -> None:
        return None

    flow = AnalysisFlow(home.store, home, model, home.clock, home.ids, no_read, KeptAnswersStore(home.pool))
    while await flow.run(ORG):
        continue


async def test_what_a_model_answers_a_dry_run_is_used_by_the_run_and_paid_once(home: House) -> None:
    await alice(home)
    await home.sync()
    await home.conversation("call_1", NUMBER, {"customer_notes": "Has two dogs and a boat."})
    model = Judge()
    report, lines = await tried(home, Asked(kind="analysis", ask_model=False), model)
    told = {one.field_name: one for line in lines for one in line.entries}
    assert (model.asked, told["interaction_summary"].outcome) == (0, "to_merge")
    assert told["interaction_summary"].after is None
    assert report.forecast["models"] == {"asked": 0, "spent_usd": 0, "to_merge": 1, "cost_usd": None}
    report, lines = await tried(home, Asked(kind="analysis"), model)
    assert model.asked == 1
    assert report.forecast["models"]["spent_usd"] == 0.0025
    assert [row["cost_micro_usd"] for row in await home.rows("select * from llm_usage")] == [2500]
    await analyse(home, model)
    assert model.asked == 1, "the run has the dry run's answer"
    told = {one.field_name: one for line in lines for one in line.entries}
    assert told["interaction_summary"].after == await home.value(NUMBER, "interaction_summary")


async def test_a_dry_run_says_that_the_brake_would_stop_the_run_and_shows_it_all_the_same(
    home: House,
) -> None:
    records = await crowd(home)
    await limit(home, contacts_changed=3)
    await rep_edits(home, records, plan="Gold")
    rows = await everything(home)
    _, lines = await tried(home, Asked())
    assert await everything(home) == rows
    assert sum(line.action == "changed" for line in lines) == 6
    (braked,) = [line for line in lines if line.action == "braked"]
    assert "change 6 contacts (the limit is 3)" in braked.why
    with pytest.raises(BrakedError):
        await home.sync()
    _, again = await tried(home, Asked())
    assert [line.action for line in again] == [line.action for line in lines], "also when it stands"


async def test_a_write_that_was_not_stopped_before_is_never_sent(home: House) -> None:
    record = await alice(home)
    session = await home.session()
    told: list[Any] = []

    async def tell(lines: Sequence[Any]) -> None:
        told.extend(lines)

    reading = ReadingSession(session, home.clock, tell)
    schema = await reading.run(reading.connector.describe())
    name = NAMES[home.provider]["plan"]
    patch = Patch(record, {name: "Gold"})
    with pytest.raises(WouldWriteError):
        await reading.run(session.connector.update_contacts([patch], schema.fields))
    assert told == []
    await reading.run(reading.connector.update_contacts([patch], schema.fields))
    (line,) = told
    assert (line.external_id, line.entries[0].after, reading.writes) == (record, "Gold", 1)
    outcomes = await reading.run(
        reading.connector.update_contacts([Patch(record, {"gone": "x"})], schema.fields)
    )
    # One connector refuses a field that is gone by itself, which the dry run shows; the other leaves that to its CRM.
    by_itself = home.provider == "salesforce"
    assert (isinstance(outcomes[0], Refused), len(told)) == (by_itself, 1 if by_itself else 2)


async def test_the_database_refuses_whatever_a_dry_run_would_change_of_the_real_rows(home: House) -> None:
    await alice(home)
    await home.sync()
    async with PostgresShadows(url_of(home.pool), home.ids).open(ORG, nothing) as shadow:
        async with shadow.transaction() as uow:
            await uow.connection.execute("update contact set first_name = 'Copy'")
        with pytest.raises(errors.ReadOnlySqlTransaction):
            async with shadow.transaction() as uow:
                await uow.connection.execute("update public.contact set first_name = 'Real'")
        with pytest.raises(errors.ReadOnlySqlTransaction):
            async with shadow.transaction() as uow:
                await uow.connection.execute("update app set name = 'Real'")
        # Nobody waits for it: the real row is free while the copy is changed.
        async with shadow.transaction() as uow:
            await uow.contacts_by_phone(ORG, [NUMBER], lock=True)
            await home.edit(NUMBER, first_name="Alicia")
    assert await home.value(NUMBER, "first_name") == "Alicia"


async def test_a_dry_run_that_ends_early_says_why_and_keeps_what_it_found(home: House) -> None:
    await home.fault("status", status=503, times=None)
    with pytest.raises(CrmError):
        await tried(home, Asked())
    (report,) = await DryRunReports(home.pool).recent(ORG)
    assert (report.status, bool(report.reason)) == ("failed", True)
    await home.cured()
    await home.sql("update app set stopped_reason = 'Another tenant.' where app_id = %s", APP)
    with pytest.raises(DryRunRefusedError, match="Another tenant"):
        await dry_running(home).begin(ORG, APP, Asked())


async def test_lines_are_kept_in_pages_and_old_reports_forgotten(home: House) -> None:
    for n in range(5):
        await alice(home, phone_number=f"+1415555010{n}")
    await alice(home, phone_number="call me")
    report, lines = await tried(home, Asked())
    reports = DryRunReports(home.pool)
    first = await reports.lines(ORG, report.dry_run_id, limit=4)
    rest = await reports.lines(ORG, report.dry_run_id, after=first[-1][0])
    assert [position for position, _ in [*first, *rest]] == list(range(1, len(lines) + 1))
    skipped = await reports.lines(ORG, report.dry_run_id, action="skipped")
    assert ["no usable number" in str(line["why"]) for _, line in skipped] == [True]
    kept = await reports.get(ORG, report.dry_run_id)
    assert kept is not None
    assert (kept.status, kept.totals["lines"], kept.totals["tieline"]["created"]) == (
        "succeeded",
        len(lines),
        5,
    )
    for n in range(20):
        await reports.begin(DryRun(ORG, f"dry_run_{n}", APP, "outbound"))
    assert await reports.get(ORG, report.dry_run_id) is None
    assert await reports.lines(ORG, report.dry_run_id) == []
