"""The chaos histories, small: in each a worker is killed in the middle, and both sides are right afterwards.

`make chaos` runs them large and often; docs/chaos.md has its figures. An import's is in test_killed_import.
"""

import asyncio

from tests.chaos.scenarios import Measured, Plan, log_conversations, push_changes

SEED = 7


async def test_a_push_and_the_logging_of_calls_survive_the_death_of_their_worker() -> None:
    # At the same time, since both only wait for the end of a lease.
    pushed, logged = await asyncio.gather(
        push_changes(Plan("salesforce", 300, ["kill"], SEED, stint_s=0.3, latency_s=0.3)),
        log_conversations(
            Plan("hubspot", 12, ["kill"], SEED, stint_s=0.1, latency_s=0.5),
            aimed=True,
            lost_answer_wait_s=3.0,
        ),
    )
    assert _harms(pushed) == _harms(logged) == ["kill"]
    # Killed between the create and the recording of its id: found in the CRM, and not created again.
    assert logged.notes["creates that another had to settle"] == 1


def _harms(measured: Measured) -> list[str]:
    return [takeover.harm for takeover in measured.takeovers]
