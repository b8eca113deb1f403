"""Pages behind the brake: what is committed, in which order, and what is not."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.support import CountingIds, FrozenClock

from tieline.domain.brake import Brake, BrakeFlow, BrakeKind, BrakeStatus, Effect
from tieline.flows.brake import Braking, RunBrake
from tieline.flows.brake_window import Gate, Window
from tieline.ports.config import AppConfig
from tieline.ports.errors import BrakedError
from tieline.testing.simulation.memory_brake import MemoryBrakes
from tieline.testing.simulation.memory_store import MemoryStore

APP = AppConfig("org_1", "app_1", "crm", "salesforce", tenant_id="00D1", crm_config={"brake": {
    "contacts_changed": {"number": 10, "share": None}, "contacts_blanked": {"number": 3, "share": None}}})  # fmt: skip
CHANGED = BrakeKind.CONTACTS_CHANGED


@dataclass(frozen=True)
class Sheet:
    """A page: who is changed by it, and how many others are on it."""

    number: int
    changed: tuple[int, ...]
    idle: int = 0

    @property
    def size(self) -> int:
        return len(self.changed) + self.idle

    @property
    def effects(self) -> list[Effect]:
        return [Effect(CHANGED, str(one)) for one in self.changed]


@dataclass
class Reader:
    """A read of sheets over an in-memory store."""

    store: MemoryStore = field(default_factory=lambda: MemoryStore(FrozenClock()))
    ids: CountingIds = field(default_factory=CountingIds)
    applied: list[int] = field(default_factory=list)
    done: set[int] = field(default_factory=set)

    def brake(self, run_id: str = "run_1") -> RunBrake:
        braking = Braking(MemoryBrakes(self.store.tables), self.store, self.store.clock, self.ids)
        return braking.of(APP, BrakeFlow.CHANGES, None, run_id)

    async def read(
        self, sheets: Sequence[Sheet], *, held_most: int = 1_000, run_id: str = "run_1"
    ) -> Window[Sheet]:
        """From the first sheet that is not applied yet to the end."""
        brake = self.brake(run_id)
        async with self.store.transaction() as uow:
            await brake.open(uow)
        window = Window(brake, self.commit, held_most)
        for sheet in sheets:
            await window.take(sheet, last=sheet is sheets[-1])
        await brake.settle()
        return window

    async def commit(self, sheet: Sheet, gate: Gate[Sheet]) -> None:
        async with self.store.transaction() as uow:
            if await gate(uow, [e for e in sheet.effects if int(e.key) not in self.done], lambda: sheet):
                self.applied.append(sheet.number)
                self.done |= set(sheet.changed)

    def standing(self) -> list[Brake]:
        return [brake for brake in self.store.tables.brakes.values() if brake.ended_at is None]


def sheets_of(pages: Sequence[tuple[list[int], int]]) -> list[Sheet]:
    return [Sheet(number, tuple(changed), idle) for number, (changed, idle) in enumerate(pages)]


PAGES = st.lists(
    st.tuples(st.lists(st.integers(0, 30), max_size=6), st.integers(0, 5)), min_size=1, max_size=12
)


@settings(deadline=None)
@given(PAGES)
async def test_a_read_is_applied_whole_and_in_order_or_not_at_all(pages: list[tuple[list[int], int]]) -> None:
    reader, sheets = Reader(), sheets_of(pages)
    everybody = {one for sheet in sheets for one in sheet.changed}
    first = next((sheet.number for sheet in sheets if sheet.changed), len(sheets))
    if len(everybody) > 10:
        with pytest.raises(BrakedError):
            await reader.read(sheets)
        assert reader.applied == list(range(first)), "only what changes nobody comes before"
        assert not reader.done
        assert [brake.shown[CHANGED][0] for brake in reader.standing()] == [len(everybody)], "all are counted"
    else:
        await reader.read(sheets)
        assert reader.applied == list(range(len(sheets)))
        assert not reader.standing()


@settings(deadline=None)
@given(PAGES, st.integers(0, 12))
async def test_however_little_may_be_held_no_more_than_the_limit_is_ever_done(
    pages: list[tuple[list[int], int]], held_most: int
) -> None:
    reader, sheets = Reader(), sheets_of(pages)
    everybody = {one for sheet in sheets for one in sheet.changed}
    try:
        await reader.read(sheets, held_most=held_most)
    except BrakedError:
        assert len(everybody) > 10
    assert reader.applied == list(range(len(reader.applied))), "in order, and each once"
    assert len(reader.done) <= 10


async def stopped(reader: Reader, sheets: Sequence[Sheet], run_id: str = "run_1") -> Brake:
    with pytest.raises(BrakedError):
        await reader.read(sheets, run_id=run_id)
    (brake,) = reader.standing()
    return brake


MANY = sheets_of([(list(range(n, n + 4)), 0) for n in range(0, 20, 4)])


async def test_a_stop_is_one_stop_however_often_it_is_met() -> None:
    reader = Reader()
    first = await stopped(reader, MANY)
    again = await stopped(reader, MANY, "run_2")
    assert (again.brake_id, again.shown, again.run_id) == (first.brake_id, {CHANGED: (20, 10)}, "run_2")
    (issue,) = reader.store.tables.issues.values()
    assert issue.occurrences == 2
    assert len(issue.note.raw["sample"]) == 10


async def test_a_read_that_came_back_within_its_limits_goes_on_by_itself() -> None:
    reader = Reader()
    await stopped(reader, MANY)
    await reader.read(MANY[:2], run_id="run_2")
    assert (reader.applied, reader.standing(), reader.store.tables.issues) == ([0, 1], [], {})


async def answer(reader: Reader, brake: Brake, status: BrakeStatus) -> None:
    expires = reader.store.clock.now() + timedelta(hours=24)
    book = MemoryBrakes(reader.store.tables)
    async with reader.store.transaction() as uow:
        await book.put(uow, replace(brake, status=status, expires_at=expires))


async def test_a_confirmed_read_goes_through_once_also_when_its_worker_dies_in_between() -> None:
    reader = Reader()
    await answer(reader, await stopped(reader, MANY), BrakeStatus.CONFIRMED)
    dying = Window(reader.brake("run_2"), reader.commit, held_most=7)
    for sheet in MANY[:3]:
        await dying.take(sheet, last=False)
    assert 0 < len(reader.done) < 20
    await reader.read([sheet for sheet in MANY if sheet.number not in reader.applied], run_id="run_2")
    assert reader.applied == [0, 1, 2, 3, 4]
    assert not reader.standing()
    others = [Sheet(9, tuple(range(50, 70)))]
    with pytest.raises(BrakedError):
        await reader.read(others, run_id="run_3")


async def test_a_confirmed_read_that_grew_by_more_than_a_tenth_is_another_stop() -> None:
    reader = Reader()
    first = await stopped(reader, MANY)
    await answer(reader, first, BrakeStatus.CONFIRMED)
    second = await stopped(reader, [*MANY, Sheet(5, (20, 21, 22))], "run_2")
    assert (second.brake_id != first.brake_id, second.shown) == (True, {CHANGED: (23, 10)})
    assert not reader.done


async def test_a_rejected_read_is_not_even_begun() -> None:
    reader = Reader()
    await answer(reader, await stopped(reader, MANY), BrakeStatus.REJECTED)
    with pytest.raises(BrakedError, match="rejected by a person"):
        await reader.read(MANY[:1], run_id="run_2")
    assert not reader.applied


async def test_what_an_earlier_attempt_at_the_run_did_is_not_forgotten() -> None:
    reader = Reader()
    dying = Window(reader.brake(), reader.commit, held_most=3)
    for sheet in MANY[:2]:
        await dying.take(sheet, last=False)
    assert len(reader.done) == 8
    with pytest.raises(BrakedError):
        await reader.read(MANY[2:3])
    await reader.read([Sheet(2, (8,))])
    assert len(reader.done) == 9


async def test_a_read_that_has_to_wait_keeps_what_it_has_within_the_limits() -> None:
    reader = Reader()
    window = Window(reader.brake(), reader.commit)
    for sheet in MANY[:2]:
        await window.take(sheet, last=False)
    assert not reader.applied
    await window.interrupted()
    assert reader.applied == [0, 1]
    await window.take(MANY[2], last=False)
    with pytest.raises(BrakedError):
        await window.interrupted()
    assert reader.applied == [0, 1]
