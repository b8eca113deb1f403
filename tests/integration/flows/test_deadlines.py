"""What would leave too late is not sent: a create whose worker was frozen, a write whose re-read has grown old."""

from collections.abc import Awaitable, Callable

import pytest
from tests.integration.flows.conftest import alice, crm_fields, in_crm
from tests.integration.flows.house import House
from tests.integration.flows.test_conversations import CREATE, activities
from tests.integration.flows.test_pushes import UPDATE

from tieline.ports.errors import LeaseLostError, SendTooLateError
from tieline.testing.sessions import MemoryGate

NUMBER = "+14155550100"
LOOKS = {"salesforce": "query", "hubspot": "contacts.batch_read"}


class Frozen(MemoryGate):
    """Once a query of our tables finds something, the next turn comes only after something else has happened."""

    def __init__(
        self, home: House, when: str, meanwhile: Callable[[], Awaitable[None]], times: int = 1
    ) -> None:
        super().__init__()
        self._home, self._when, self._meanwhile, self._times = home, when, meanwhile, times

    async def acquire(self, bucket: str) -> None:
        """Lets through what the sandbox will be asked."""
        if self._times and await self._home.rows(self._when):
            self._times -= 1
            await self._meanwhile()
        await super().acquire(bucket)


async def test_a_worker_frozen_before_it_logs_leaves_one_activity_though_another_logged_meanwhile(
    home: House,
) -> None:
    await alice(home)
    await home.sync()
    await home.conversation("call_1", NUMBER, {"call_summary": "Hello."})
    await home.analyse()

    async def taken_over() -> None:
        home.gate = None
        await home.sql("update lease set expires_at = now()")
        await home.later(minutes=5)
        assert await home.log() == 1

    home.gate = Frozen(home, "select 1 from activity where intent_at is not null", taken_over)
    with pytest.raises(LeaseLostError):
        await home.log()
    assert len(await activities(home)) == 1
    assert await home.requests(CREATE[home.provider]) == 1


async def test_a_frozen_worker_that_kept_its_lane_knows_that_nothing_was_sent(home: House) -> None:
    """So nothing has to be waited out before it is logged."""
    await alice(home)
    await home.sync()
    await home.conversation("call_1", NUMBER, {"call_summary": "Hello."})
    await home.analyse()

    async def frozen() -> None:
        await home.later(minutes=5)

    home.gate = Frozen(home, "select 1 from activity where intent_at is not null", frozen)
    with pytest.raises(SendTooLateError):
        await home.log()
    assert await home.rows("select 1 from activity where intent_at is null")
    await home.later(seconds=10)
    assert await home.log() == 1
    assert len(await activities(home)) == 1


async def test_a_push_whose_turn_came_late_reads_again_before_it_writes(home: House) -> None:
    record = await alice(home)
    await home.sync()
    await home.edit(NUMBER, lead_status="Qualified")
    before = await home.requests(LOOKS[home.provider])

    async def a_rep_meanwhile() -> None:
        await home.later(seconds=6)
        await home.admin("edit", id=record, fields=crm_fields(home, lead_status="Nurturing"))

    in_flight = "select 1 from link where jsonb_path_exists(state, '$.*.f[0]')"
    home.gate = Frozen(home, in_flight, a_rep_meanwhile)
    await home.push()
    assert await home.requests(LOOKS[home.provider]) - before >= 2
    assert await home.requests(UPDATE[home.provider]) == 0
    assert (await in_crm(home, record))["lead_status"] == "Nurturing", "the rep's edit was seen in time"


async def test_a_crm_whose_turns_are_always_late_is_written_to_all_the_same(home: House) -> None:
    record = await alice(home)
    await home.sync()
    await home.edit(NUMBER, lead_status="Qualified")

    async def slow() -> None:
        await home.later(seconds=6)

    home.gate = Frozen(home, "select 1", slow, times=100)
    await home.push()
    assert (await in_crm(home, record))["lead_status"] == "Qualified"
    assert await home.requests(UPDATE[home.provider]) == 1
