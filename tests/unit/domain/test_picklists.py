"""Which option stands for which picklist value, and what is refused."""

from collections.abc import Mapping

import pytest

from tieline.domain.crm_schema import CrmField, CrmKind, CrmOption
from tieline.domain.fields import FieldSpec
from tieline.domain.picklists import settle_options
from tieline.domain.values import FieldType

STATUS_FIELD = FieldSpec("lead_status", FieldType.ENUM, options=("New", "Qualified", "Lost"))


def picklist(*values: str) -> CrmField:
    options = tuple(CrmOption(value, value) for value in values)
    return CrmField("X__c", "X", CrmKind.PICKLIST, options=options, restricted=True)


@pytest.mark.parametrize(
    ("options", "entries", "by_hand", "expected"),
    [
        (("New", "Lost"), [("New", "Neu"), ("Lost", "Verloren")], {}, {"New": "New", "Lost": "Lost"}),
        (("New", "Lost"), [("NEW", "a"), ("lost", "b")], {}, {"New": "NEW", "Lost": "lost"}),
        (("New", "Lost"), [("1", "New"), ("2", "LOST")], {}, {"New": "1", "Lost": "2"}),
        (("New", "new"), [("new", "x"), ("New", "y")], {}, {"New": "New", "new": "new"}),
        (("New", "Lost"), [("a", "A"), ("Lost", "L")], {"New": "a"}, {"New": "a", "Lost": "Lost"}),
        (("A", "B"), [("A", "A"), ("B", "B")], {"A": "B", "B": "A"}, {"A": "B", "B": "A"}),
    ],
)
def test_options_are_settled_exactly_then_by_case_then_by_label_or_by_hand(
    options: tuple[str, ...],
    entries: list[tuple[str, str]],
    by_hand: Mapping[str, str],
    expected: Mapping[str, str],
) -> None:
    field = FieldSpec("f", FieldType.ENUM, options=options)
    target = CrmField(
        "X__c", "X", CrmKind.PICKLIST, restricted=True, options=tuple(CrmOption(*entry) for entry in entries)
    )
    settlement = settle_options(field, target, by_hand, outbound=True)
    assert settlement.problems == ()
    assert settlement.options == expected


@pytest.mark.parametrize(
    ("options", "values", "by_hand", "named"),
    [
        (("New",), ("NEW", "new"), {}, ["'NEW'", "'new'", "'New'"]),
        (("NEW", "new"), ("New",), {}, ["'NEW'", "'new'", "'New'"]),
        (("New", "Hot"), ("New",), {}, ["'Hot'", "no active picklist value"]),
        (("New", "Hot"), ("New",), {"Hot": "New"}, ["'New'"]),
        (("A", "B"), ("x", "y"), {"A": "x", "B": "x"}, ["'A', 'B'", "'x'"]),
        (("A",), ("x",), {"A": "z"}, ["'z'"]),
        (("A",), ("A",), {"B": "A"}, ["'B'"]),
    ],
)
def test_a_clash_of_options_is_refused_and_named(
    options: tuple[str, ...], values: tuple[str, ...], by_hand: Mapping[str, str], named: list[str]
) -> None:
    settlement = settle_options(
        FieldSpec("f", FieldType.ENUM, options=options), picklist(*values), by_hand, outbound=True
    )
    assert settlement.problems
    assert all(name in " ".join(settlement.problems) for name in named)


def test_inbound_only_an_option_needs_no_value_and_an_inactive_value_still_counts() -> None:
    target = CrmField(
        "X__c",
        "X",
        CrmKind.PICKLIST,
        options=(CrmOption("New", "New"), CrmOption("Lost", "Lost", active=False)),
    )
    settlement = settle_options(STATUS_FIELD, target, {}, outbound=False)
    assert settlement.problems == ()
    assert settlement.options == {"New": "New", "Lost": "Lost"}
    assert settle_options(STATUS_FIELD, picklist("Hot"), {}, outbound=False).problems
    assert "Lost" in settle_options(STATUS_FIELD, target, {}, outbound=True).problems[0]
