"""Histories on a CRM that lacks what Tieline can do without: the flows go another way, and every invariant holds."""

import pytest
from tests.simulation.crms import make_crm

from tieline.connectors.registry import with_spec
from tieline.connectors.spec import not_declared
from tieline.ports.crm import Capability, Connector
from tieline.testing.simulation import Lessons, Parts, make_history, run

LESSONS = Lessons()
READS = {Capability.CHANGES: "read_changes", Capability.REMOVALS: "read_removals"}


def lacking(*missing: Capability) -> Parts:
    """A world whose connector does not declare these, and refuses to read by them."""

    def declared(connector: Connector) -> Connector:
        less = with_spec(connector, capabilities=connector.spec.capabilities - set(missing))
        for capability in set(missing) & set(READS):
            setattr(
                less, READS[capability], lambda *_, lacks=capability: not_declared(less.spec.label, lacks)
            )
        return less

    return Parts(connector=declared)


@pytest.mark.parametrize("seed", range(6))
def test_where_nobody_tells_what_changed_every_sync_lists_all(seed: int) -> None:
    outcome = run(make_history(seed), make_crm, lessons=LESSONS, parts=lacking(Capability.CHANGES))
    assert not outcome.broken, outcome.told()


# In these a record is deleted for which somebody waits; without the news of a deletion it was missing for ever.
@pytest.mark.parametrize("seed", [12, 54])
def test_where_nobody_tells_of_deletions_a_missing_record_is_gone_in_the_end(seed: int) -> None:
    parts = lacking(
        Capability.CHANGES, Capability.REMOVALS, Capability.ACTIVITY_KEY, Capability.FIELD_HISTORY
    )
    outcome = run(make_history(seed), make_crm, lessons=LESSONS, parts=parts)
    assert not outcome.broken, outcome.told()
