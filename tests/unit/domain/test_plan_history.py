"""Which value of a field's history our write overwrote unseen."""

from dataclasses import dataclass

import pytest

from tieline.domain.changes import PairState, Sent
from tieline.domain.crm_schema import CrmField, CrmKind
from tieline.domain.fields import FieldSpec
from tieline.domain.mapping import Pair, Policy
from tieline.domain.plan_history import overwritten
from tieline.domain.values import FieldType, Value

PAIR = Pair(
    FieldSpec("colour", FieldType.STRING),
    CrmField("Colour", "Colour", CrmKind.STRING),
    True,
    True,
    Policy.CRM_WINS,
)
SEEN_MS = 100
SENT = Sent("red", "red", 110)


@dataclass(frozen=True)
class Was:
    value: Value
    at_ms: int


@pytest.mark.parametrize(
    ("history", "lost"),
    [
        ([Was("red", 120), Was("blue", 115), Was("green", 90)], "blue"),
        ([Was("red", 120), Was("green", 90)], None),
        ([Was("red", 120), Was("green", 100)], None),
        ([Was("red", 120), Was(None, 115), Was("green", 90)], "cleared"),
        ([Was("pink", 130), Was("red", 120), Was("blue", 115), Was("green", 90)], "blue"),
        ([Was("pink", 130), Was("green", 90)], None),
        ([Was("red", 120)], None),
        ([], None),
        ([Was(" red ", 120), Was("blue", 115)], "blue"),
    ],
)
def test_the_value_before_ours_is_lost_if_it_came_after_our_look(
    history: list[Was], lost: str | None
) -> None:
    found = overwritten(PAIR, SENT, history, SEEN_MS, PairState())
    if lost == "cleared":
        assert found is not None
        assert found.value is None
    else:
        assert (found.value if found else None) == lost


def test_an_earlier_send_of_ours_that_landed_late_is_no_loss() -> None:
    history = [Was("red", 120), Was("blue", 115), Was("green", 90)]
    state = PairState(in_flight=(Sent("blue", "blue", 80),))
    assert overwritten(PAIR, SENT, history, SEEN_MS, state) is None
