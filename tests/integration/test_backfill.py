"""Backfills on real tables: what they write, how they resume, what they wait for; and memories as conversations end."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx2
import pytest
from tests.integration.work_support import NotedWakes, execute

from tieline.bootstrap import Tieline, wire
from tieline.config import Settings
from tieline.domain.analysis_mapping import AnalysisMapping
from tieline.domain.backfill import BackfillRequest, Rate
from tieline.domain.contact_memory import CONTACT_MEMORY
from tieline.domain.fields import FieldSpec
from tieline.domain.intake import Report
from tieline.domain.update_modes import UpdateMode
from tieline.domain.values import FieldType
from tieline.flows.planning_backfills import BackfillRefusedError, PlanningBackfills
from tieline.ports.errors import RateLimitedError, TransientError
from tieline.ports.llm import (
    Classified,
    ClassifyRequest,
    Extraction,
    ExtractRequest,
    Found,
    LlmUnavailableError,
    ModelUse,
    RewriteRequest,
    Rewritten,
    Usage,
)
from tieline.ports.store import Lane, Lease
from tieline.store.backfills import BackfillInProgressError, Backfills
from tieline.store.config import ConfigUpdate
from tieline.store.organisations import Organisations
from tieline.store.pool import make_pool
from tieline.store.secrets import Secrets, new_key
from tieline.worker.wiring import WiredFlows

BEGAN = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
FIELDS = [
    FieldSpec("notes", FieldType.STRING),
    FieldSpec("status", FieldType.STRING),
    FieldSpec("first_seen", FieldType.STRING),
    FieldSpec("budget", FieldType.NUMBER),
]
MAPPINGS = [
    AnalysisMapping("said", "notes", UpdateMode.MERGE),
    AnalysisMapping("status", "status", UpdateMode.OVERWRITE),
    AnalysisMapping("status", "first_seen", UpdateMode.FILL_IF_EMPTY),
    AnalysisMapping("budget", "budget", UpdateMode.MAX),
]
ALL = ("notes", "status", "first_seen", "budget", CONTACT_MEMORY)


@dataclass
class Home:
    """An organisation with a worker's flows, and no CRM."""

    tieline: Tieline
    org_id: str

    async def config(self, **members: Any) -> None:
        await self.tieline.configs.update(self.org_id, ConfigUpdate(**members))

    async def call(self, number: int, day: int, phone: str = "+14155550100", **more: Any) -> None:
        """A call that ended, of which the platform tells the analysis at once."""
        at = BEGAN + timedelta(days=day)
        analysis = {"said": f"Day {day} was about topic {number}.", "status": f"s{number}", "budget": number}
        members: dict[str, Any] = {
            "direction": "inbound", "from_number": phone, "has_number": True, "agent_id": "agent_a",
            "agent_version": "1", "started_at": at, "ended_at": at + timedelta(minutes=5),
            "summary": f"They spoke of topic {number}.", "analysis": analysis, "analysis_version": "v1", **more,
        }  # fmt: skip
        report = Report("acme", f"call_{number}", "call", "analyzed", **members)
        await self.tieline.intake.take(self.org_id, report, {})

    async def mapped(self) -> None:
        """What a worker does as conversations end."""
        await WiredFlows(self.tieline).analysis(self.org_id)

    async def contacts(self) -> dict[str, Mapping[str, Any]]:
        rows = await execute(
            self.tieline.pool,
            "select phone_number, custom_fields, contact_memory, first_name from contact where org_id = %s",
            self.org_id,
        )
        return {
            row["phone_number"]: {**row["custom_fields"], CONTACT_MEMORY: row["contact_memory"]}
            for row in rows
        }

    async def lease(self) -> Lease:
        lease = await self.tieline.leases.acquire(self.org_id, "", Lane.BACKFILL, "test")
        assert lease is not None
        return lease

    async def begin(self, *fields: str, **more: Any) -> tuple[str, Lease]:
        run = await self.tieline.backfills.queue(self.org_id, BackfillRequest(fields, **more))
        lease = await self.lease()
        await self.tieline.runs.take_up(lease, run.run_id, most_attempts=8)
        return run.run_id, lease

    async def backfill(self, *fields: str, tieline: Tieline | None = None, **more: Any) -> Mapping[str, int]:
        run_id, lease = await self.begin(*fields, **more)
        run = await self.tieline.runs.get(self.org_id, run_id)
        assert run is not None
        await WiredFlows(tieline or self.tieline).backfill(run, lease)
        await self.tieline.runs.succeed(lease, run)
        await self.tieline.leases.release(lease)
        done = await self.tieline.backfills.latest(self.org_id)
        assert done is not None
        assert done.status == "succeeded"
        return done.counts


@asynccontextmanager
async def home_on(db_url: str, directory: Path) -> AsyncIterator[Home]:
    async with make_pool(db_url) as pool, httpx2.AsyncClient() as http:
        settings = Settings(sandbox_mode=True, data_dir=directory)
        tieline = wire(settings, db_url, pool, http, Secrets.from_text(new_key()), NotedWakes())
        org_id = (await tieline.accounts.create_organisation("One")).org_id
        await tieline.configs.update(org_id, ConfigUpdate(custom_fields=FIELDS))
        yield Home(tieline, org_id)


@pytest.fixture
async def home(db_url: str, tmp_path: Path) -> AsyncIterator[Home]:
    async with home_on(db_url, tmp_path) as made:
        yield made


async def always_and_later(home: Home, add_at: int) -> Mapping[str, Any]:
    """Twelve calls of three people, in no order; the mappings and the memory come after some of them."""
    order = [5, 1, 9, 2, 8, 0, 11, 3, 7, 4, 10, 6]
    for place, number in enumerate(order):
        if place == add_at:
            await home.config(analysis_mappings=MAPPINGS, contact_memory_enabled=True)
        await home.call(number, number, f"+1415555010{number % 3}")
        if place % 4 == 3 or place + 1 == add_at:
            await home.mapped()
    await home.mapped()
    return await home.contacts()


async def test_a_backfill_writes_what_the_mappings_would_have_and_each_contact_once(home: Home) -> None:
    await always_and_later(home, add_at=8)
    ledger = "select contact_id, run_id from ledger where run_id is not null group by 1, 2"
    counts = await home.backfill(*ALL)
    assert (counts["read"], counts["contacts"], counts["changed"]) == (12, 3, 3)
    found = await home.contacts()
    for third in range(3):
        contact = found[f"+1415555010{third}"]
        numbers = range(third, 12, 3)
        assert contact["notes"] == "\n".join(
            f"{BEGAN + timedelta(days=n):%Y-%m-%d}: Day {n} was about topic {n}." for n in numbers
        )
        assert contact[CONTACT_MEMORY] == "\n".join(
            f"{BEGAN + timedelta(days=n):%Y-%m-%d}: They spoke of topic {n}." for n in numbers
        )
        last, first = numbers[-1], numbers[0]
        assert (contact["status"], contact["first_seen"], contact["budget"]) == (
            f"s{last}",
            f"s{first}",
            last,
        )
    run = await home.tieline.backfills.latest(home.org_id)
    assert run is not None
    told = await execute(home.tieline.pool, ledger)
    assert sum(row["run_id"] == run.run_id for row in told) == 3
    assert run.engine == "no model"
    again = await home.backfill(*ALL)
    assert again["changed"] == 0
    assert await home.contacts() == found


async def test_one_that_is_cut_off_goes_on_after_the_last_saved_contact(home: Home) -> None:
    for number in range(9):
        await home.call(number, number, f"+1415555010{number}")
    await home.mapped()
    await home.config(analysis_mappings=MAPPINGS)
    run_id, lease = await home.begin("notes", CONTACT_MEMORY)
    run = await home.tieline.runs.get(home.org_id, run_id)
    assert run is not None

    class Dying(Backfills):
        left = 4

        async def advance(self, *given: Any) -> None:
            await super().advance(*given)
            self.left -= 1
            if self.left < 0:
                raise asyncio.CancelledError  # nothing after it runs, and its transaction is not committed

    backfills = Dying(home.tieline.pool, home.tieline.jobs, home.tieline.ids)
    with pytest.raises(asyncio.CancelledError):
        await WiredFlows(replace(home.tieline, backfills=backfills)).backfill(run, lease)
    assert sum("notes" in contact for contact in (await home.contacts()).values()) == 4
    await WiredFlows(home.tieline).backfill(run, lease)
    assert all("notes" in contact for contact in (await home.contacts()).values())
    done = await home.tieline.runs.get(home.org_id, run_id)
    assert done is not None
    assert (done.counts["read"], done.counts["contacts"]) == (9, 9)
    rows = await execute(home.tieline.pool, "select 1 from ledger where field_name = 'notes'")
    assert len(rows) == 9


async def test_only_what_was_chosen_is_taken_up(home: Home) -> None:
    for number, agent in enumerate(("agent_a", "agent_b", "agent_b")):
        await home.call(number, number, f"+1415555010{number}", agent_id=agent, agent_version=str(number))
    await home.mapped()
    await home.config(analysis_mappings=MAPPINGS)
    counts = await home.backfill("status", agents=(("agent_b", ("2",)),))
    assert counts["read"] == 1
    begun = int((BEGAN + timedelta(days=1)).timestamp() * 1000)
    counts = await home.backfill("status", since_ms=begun, until_ms=begun)
    assert counts["read"] == 1
    found = await home.contacts()
    assert [found[f"+1415555010{n}"].get("status") for n in range(3)] == [None, "s1", "s2"]
    assert not any("notes" in contact or contact[CONTACT_MEMORY] for contact in found.values())


async def test_an_edit_made_after_the_call_stays_and_a_removed_field_is_another_field(home: Home) -> None:
    await home.call(1, 1)
    await home.config(analysis_mappings=MAPPINGS)
    await home.mapped()
    spared = [spec for spec in FIELDS if spec.name != "status"]
    without = [m for m in MAPPINGS if m.field_name != "status"]
    await home.config(custom_fields=spared, analysis_mappings=without)
    await home.config(custom_fields=FIELDS, analysis_mappings=MAPPINGS)
    assert "status" not in (await home.contacts())["+14155550100"]
    await execute(
        home.tieline.pool,
        """update contact set custom_fields = custom_fields || '{"budget": 3}',
           sources = sources || '{"budget": ["person", 9999999999999, "ann"]}'""",
    )
    await home.backfill("status", "budget")
    found = (await home.contacts())["+14155550100"]
    assert (found["status"], found["budget"]) == ("s1", 3)


async def test_there_is_one_at_a_time_and_it_is_refused_without_a_mapping(home: Home) -> None:
    planning = home.tieline.planning_backfills
    with pytest.raises(BackfillRefusedError, match="No analysis data is mapped to notes"):
        await planning.check(home.org_id, BackfillRequest(("notes", CONTACT_MEMORY)))
    with pytest.raises(BackfillRefusedError, match="There is no contact field colour"):
        await planning.check(home.org_id, BackfillRequest(("colour",)))
    await planning.check(home.org_id, BackfillRequest((CONTACT_MEMORY,)))
    await home.tieline.backfills.queue(home.org_id, BackfillRequest((CONTACT_MEMORY,)))
    with pytest.raises(BackfillInProgressError, match=r"A backfill job is already running\."):
        await home.tieline.backfills.queue(home.org_id, BackfillRequest((CONTACT_MEMORY,)))


async def test_a_forecast_counts_what_is_left_to_do_and_what_models_take(home: Home) -> None:
    for number in range(4):
        await home.call(number, number, f"+1415555010{number % 2}", transcript="User: " + "x" * 394)
    await home.mapped()
    await home.config(analysis_mappings=MAPPINGS)
    request = BackfillRequest(("notes", CONTACT_MEMORY))
    nothing = await home.tieline.planning_backfills.forecast(home.org_id, request)
    assert (nothing.conversations, nothing.contacts, nothing.model_calls, nothing.cost_usd) == (4, 2, 0, 0.0)
    rate = Rate("large", 1.0, 2.0, 1_500.0)
    store, config = home.tieline.backfills, Organisations(home.tieline.configs, home.tieline.apps)
    planning = PlanningBackfills(store, config, {ModelUse.MERGE: rate, ModelUse.MEMORY: rate})
    shown = await planning.forecast(home.org_id, request)
    assert dict(shown.calls_by_use) == {"merge": 4, "memory": 8}
    assert shown.model_calls == 12
    assert shown.cost_usd == pytest.approx((shown.input_tokens + 2 * shown.output_tokens) / 1e6, abs=1e-6)
    assert shown.minutes == pytest.approx(12 * 1.5 / 60, abs=0.06)
    await home.backfill(*request.fields)
    assert (await planning.forecast(home.org_id, request)).model_calls == 0


@dataclass
class Reader:
    """A model that makes a brief of a transcript; `away` and it does not answer."""

    away: bool = False
    asked: int = 0
    guide: str = ""
    engine: str = "reader"
    prompt_version: str = "memory-1"

    async def extract(self, request: ExtractRequest) -> Extraction:
        self.asked += 1
        self.guide = request.fields[0].description
        if self.away:
            raise LlmUnavailableError("It is silent.")
        brief = Found("Wants 40 seats. Was promised 99 percent off.")
        return Extraction({"call_summary": brief}, Usage(ModelUse.MEMORY, "reader", requests=1))


@dataclass
class Judge:
    """A model for merging that is away."""

    engine: str = "judge"
    prompt_version: str = "memory-1"

    async def classify(self, request: ClassifyRequest) -> Classified:
        raise LlmUnavailableError("It is silent.")

    async def rewrite(self, request: RewriteRequest) -> Rewritten:
        raise LlmUnavailableError("It is silent.")


async def test_a_memory_is_kept_as_conversations_end_where_that_is_wanted(home: Home) -> None:
    await home.call(1, 1)
    await home.mapped()
    assert (await home.contacts())["+14155550100"][CONTACT_MEMORY] is None
    await home.config(contact_memory_enabled=True)
    await home.call(3, 3)
    await home.mapped()
    await home.call(2, 2)
    await home.mapped()
    await home.call(3, 3, disconnection_reason="user_hangup")
    await home.mapped()
    lines = [f"{BEGAN + timedelta(days=n):%Y-%m-%d}: They spoke of topic {n}." for n in (2, 3)]
    assert (await home.contacts())["+14155550100"][CONTACT_MEMORY] == "\n".join(lines)
    rows = await execute(
        home.tieline.pool,
        "select reason, source_ref from ledger where field_name = 'contact_memory' order by entry_id",
    )
    assert [row["source_ref"] for row in rows] == ["acme:call_3", "acme:call_2"]
    assert rows[-1]["reason"] == "merge: no model"


async def test_with_a_model_a_memory_is_made_of_the_transcript_and_only_of_what_was_said(home: Home) -> None:
    reader = Reader()
    tieline = replace(home.tieline, memory_reader=reader)
    await home.config(contact_memory_enabled=True, contact_memory_update_prompt="Brief on {{phone_number}}.")
    await home.call(1, 1, transcript="User: We are forty people, so 40 seats.")
    await WiredFlows(tieline).analysis(home.org_id)
    found = (await home.contacts())["+14155550100"]
    assert found[CONTACT_MEMORY] == "2026-03-03: Wants 40 seats."
    assert reader.guide == "Brief on +14155550100."
    await execute(home.tieline.pool, "update conversation set due_at = now()")
    await WiredFlows(tieline).analysis(home.org_id)
    await home.backfill(CONTACT_MEMORY, tieline=tieline)
    assert reader.asked == 1
    (used,) = await execute(home.tieline.pool, "select use, requests from llm_usage")
    assert (used["use"], used["requests"]) == ("memory", 1)


async def test_a_backfill_waits_for_a_model_that_is_away_and_loses_nothing(home: Home) -> None:
    await home.call(1, 1, summary=None, transcript="User: 40 seats.")
    await home.call(2, 2, "+14155550102", summary="Old fact.")
    await home.mapped()
    away = replace(home.tieline, memory_reader=Reader(away=True))
    run_id, lease = await home.begin(CONTACT_MEMORY)
    run = await home.tieline.runs.get(home.org_id, run_id)
    assert run is not None
    with pytest.raises(TransientError, match="It is silent"):
        await WiredFlows(away).backfill(run, lease)
    await WiredFlows(replace(home.tieline, memory_reader=Reader())).backfill(run, lease)
    memories = [contact[CONTACT_MEMORY] for contact in (await home.contacts()).values()]
    assert sorted(memories) == ["2026-03-03: Wants 40 seats.", "2026-03-04: Old fact."]


async def test_texts_are_not_merged_unjudged_by_the_thousand_because_an_endpoint_is_away(home: Home) -> None:
    for number in (1, 2):
        await home.call(number, number)
    await home.mapped()
    await home.config(analysis_mappings=MAPPINGS)
    run_id, lease = await home.begin("notes")
    run = await home.tieline.runs.get(home.org_id, run_id)
    assert run is not None
    with pytest.raises(TransientError, match="It is silent"):
        await WiredFlows(replace(home.tieline, merger=Judge())).backfill(run, lease)
    assert "notes" not in (await home.contacts())["+14155550100"]


async def test_what_has_no_analysis_is_analysed_first(home: Home) -> None:
    await home.call(1, 1, analysis=None, analysis_version=None, transcript="User: Call me.", summary=None)
    await home.mapped()
    await home.config(analysis_mappings=MAPPINGS)
    await execute(
        home.tieline.pool,
        "insert into analysis_definition (org_id, agent_id, call_fields) values (%s, '', '[]')", home.org_id,
    )  # fmt: skip
    extracting = replace(home.tieline, extractor=Reader())
    run_id, lease = await home.begin("status")
    run = await home.tieline.runs.get(home.org_id, run_id)
    assert run is not None
    with pytest.raises(RateLimitedError, match="without an analysis"):
        await WiredFlows(extracting).backfill(run, lease)
    (wanted,) = await execute(home.tieline.pool, "select due_at is not null as due, rerun from extraction")
    assert wanted == {"due": True, "rerun": False}
    await execute(home.tieline.pool, "update extraction set due_at = null")
    await WiredFlows(extracting).backfill(run, lease)


async def test_a_contact_that_cannot_be_saved_does_not_hold_up_the_others(home: Home) -> None:
    for number in range(3):
        await home.call(number, number, f"+1415555010{number}")
    await home.mapped()
    await home.config(analysis_mappings=MAPPINGS)
    await execute(
        home.tieline.pool,
        'update conversation set analysis = \'{"status": [1, {"a": 2}]}\', contact_id = contact_id'
        " where conversation_id = 'call_1'",
    )
    ledger = "alter table ledger add constraint refused check (new_value is distinct from '\"s2\"')"
    await execute(home.tieline.pool, ledger)
    counts = await home.backfill("status")
    assert (counts["read"], counts["failed"]) == (3, 1)
    found = await home.contacts()
    assert sorted(str(contact.get("status")) for contact in found.values()) == ["None", "None", "s0"]
    kinds = await execute(home.tieline.pool, "select kind from issue where closed_at is null order by kind")
    assert [row["kind"] for row in kinds] == ["analysis_value", "backfill_failed"]


@dataclass
class Patient:
    """The machine's clock, and what happens while somebody waits by it."""

    home: Home
    slept: int = 0

    def now(self) -> datetime:
        return self.home.tieline.clock.now()

    async def sleep(self, seconds: float) -> None:
        self.slept += 1
        await self.home.mapped()


async def test_a_conversation_that_ends_meanwhile_goes_ahead(home: Home) -> None:
    await home.call(1, 1)
    await home.mapped()
    await home.config(analysis_mappings=MAPPINGS)
    await home.call(2, 2, "+14155550102")
    patient = Patient(home)
    await home.backfill("status", tieline=replace(home.tieline, clock=patient))
    assert patient.slept == 1
    rows = await execute(
        home.tieline.pool, "select source_ref from ledger where field_name = 'status' order by entry_id"
    )
    assert [row["source_ref"] for row in rows] == ["acme:call_2", "acme:call_1"]
