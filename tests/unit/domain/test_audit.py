"""What an audit calls suspicious, what it leaves to the ordinary reads, and what it tells people."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tieline.domain.audit import (
    AuditRules,
    Compared,
    Finding,
    FindingKind,
    Why,
    compare,
    read_until,
    settled,
)
from tieline.domain.audit_report import NAMED, report
from tieline.domain.changes import Base, Held, PairState, Sent
from tieline.domain.changeset import Changeset, LinkState, LinkStatus
from tieline.domain.crm_schema import CrmField, CrmKind
from tieline.domain.fields import FieldSpec
from tieline.domain.look import IN_FLIGHT_LASTS_MS
from tieline.domain.mapping import MappingSet, Pair, Policy
from tieline.domain.records import RemoteRecord
from tieline.domain.values import FieldType, Value

NUMBER = "+14155550100"
NOW = 10_000_000_000
STATUS = Pair(
    FieldSpec("status", FieldType.STRING),
    CrmField("Status", "Status", CrmKind.STRING),
    True,
    True,
    Policy.CRM_WINS,
)
TIER = Pair(
    FieldSpec("tier", FieldType.STRING),
    CrmField("Tier", "Tier", CrmKind.STRING, updateable=False, calculated=True),
    True, False, Policy.CRM_WINS,
)  # fmt: skip
MAPPING = MappingSet((), (), "Phone", (), (STATUS, TIER))
RULES = AuditRules(MAPPING, "crm:1", "US", read_ms=NOW, now_ms=NOW)


def record(modified: int = 100, **values: Value) -> RemoteRecord:
    return RemoteRecord("r1", 1, modified, {"Phone": NUMBER, "Status": "New", "Tier": "Low", **values})


def link(**more: Any) -> LinkState:
    agreed = {"status|Status": PairState(Base("New", "New")), "tier|Tier": PairState(Base("Low", "Low"))}
    plain = LinkState("r1", "c1", LinkStatus.OPEN, (NUMBER,), NUMBER, 1, 100, NOW - 1, pairs=agreed)
    return replace(plain, **more)


def with_status(state: PairState) -> LinkState:
    return link(pairs={**link().pairs, "status|Status": state})


def found(
    seen: RemoteRecord, known: LinkState | None, rules: AuditRules = RULES, causes: tuple[str, ...] = ()
) -> Finding | None:
    links: Mapping[str, LinkState] = {} if known is None else {known.external_id: known}
    compared = compare([seen], links, rules, causes)
    return compared.findings[0] if compared.findings else None


def test_what_agrees_is_not_found() -> None:
    assert compare([record()], {"r1": link()}, RULES) == Compared()


@pytest.mark.parametrize(
    ("seen", "known", "kind", "why"),
    [
        (record(), None, FindingKind.MISSING_HERE, Why.NEVER_READ),
        (record(), link(status=LinkStatus.DELETED), FindingKind.MISSING_HERE, Why.THOUGHT_GONE),
        (record(), link(status=LinkStatus.MISSING), FindingKind.MISSING_HERE, Why.THOUGHT_GONE),
        (record(Status="Won"), link(), FindingKind.DIFFERING, Why.NOT_MOVED),
        (record(Status=None), link(), FindingKind.DIFFERING, Why.NOT_MOVED),
        (record(200, Status="Won"), link(), FindingKind.DIFFERING, Why.LATE_CHANGE),
        (record(Tier="High"), link(), FindingKind.DIFFERING, Why.CALCULATED),
        (record(Tier="High", Status="Won"), link(), FindingKind.DIFFERING, Why.NOT_MOVED),
        (record(Phone="+14155550199"), link(), FindingKind.DIFFERING, Why.NOT_MOVED),
        (record(200), link(status=LinkStatus.SKIPPED, contact_id=None, phones=(), pairs={}), FindingKind.DIFFERING,
         Why.LATE_CHANGE),
        (record(), link(pairs={}), FindingKind.DIFFERING, Why.NOT_MOVED),
    ],
)  # fmt: skip
def test_what_does_not_agree_is_found_with_its_probable_cause(
    seen: RemoteRecord, known: LinkState | None, kind: FindingKind, why: Why
) -> None:
    assert found(seen, known) == Finding("r1", kind, why)


@pytest.mark.parametrize(
    ("seen", "known"),
    [
        (record(Status=" New\n"), link()),
        (record(50, Status="Old"), link()),
        (record(Status="Old"), link(confirmed_write_ms=NOW)),
        (record(Status="Won"), link(needs_read=True)),
        (record(Status="Won"), link(status=LinkStatus.MERGED)),
        (record(Status="Won"), link(status=LinkStatus.CLOSED)),
        (record(Status="Won"), link(status=LinkStatus.SHARED)),
        (record(Status="Won"), with_status(PairState(Base("New", "New"), (Sent("Won", "Won", NOW - 1),)))),
        (record(Status="Won"), with_status(PairState(Base("New", "New"), held=Held("Won")))),
    ],
    ids=[
        "another spelling", "an answer older than what we know", "asked before our own write", "to be read anyway",
        "merged", "disconnected", "shared, gives no values", "our own value on its way", "undone and held",
    ],
)  # fmt: skip
def test_what_proves_nothing_is_not_found(seen: RemoteRecord, known: LinkState) -> None:
    assert found(seen, known) is None


def test_a_field_that_the_answer_lacks_is_drift_and_no_difference() -> None:
    seen = RemoteRecord("r1", 1, 100, {"Phone": NUMBER, "Tier": "Low"})
    assert found(seen, link()) is None


def test_a_send_is_stuck_when_no_write_takes_so_long() -> None:
    def sent(at: int) -> LinkState:
        return with_status(PairState(Base("New", "New"), (Sent("Won", "Won", at),)))

    assert found(record(), sent(NOW - IN_FLIGHT_LASTS_MS)) is None
    assert found(record(), sent(NOW - IN_FLIGHT_LASTS_MS - 1)) == Finding(
        "r1", FindingKind.STUCK, Why.LOST_ANSWER
    )


def test_what_the_next_increment_reads_anyway_waits_for_it() -> None:
    rules = replace(RULES, read_until_ms=150)
    assert compare([record(150, Status="Won")], {"r1": link()}, rules) == Compared((), waiting=1)
    assert compare([record(150)], {}, rules) == Compared((), waiting=1)
    assert compare([record(149)], {}, rules).waiting == 0
    assert found(record(149, Status="Won"), link(), rules) is not None


def test_what_a_person_was_told_is_not_found_again_while_the_record_stands_still() -> None:
    told = ("value:crm:1:r1:status|Status",)
    assert found(record(Status="Won"), link(), causes=told) is None
    assert found(record(200, Status="Won"), link(), causes=told) is not None
    assert found(record(Tier="High"), link(), causes=("value:crm:1:r1:tier|Tier",)) is not None


def test_a_pair_that_a_full_read_is_about_to_read_is_not_found() -> None:
    assert found(record(), link(pairs={})) is not None
    rules = replace(RULES, full_read_waits=True)
    assert found(record(), link(pairs={}), rules) is None
    assert found(record(Status="Won"), link(), rules) is not None


def test_the_calculated_fields_read_speaks_of_calculated_fields_alone() -> None:
    rules = replace(RULES, calculated_only=True)
    seen = RemoteRecord("r1", 1, 100, {"Tier": "High"})
    assert found(seen, link(), rules) == Finding("r1", FindingKind.DIFFERING, Why.CALCULATED)
    assert found(seen, None, rules) is None
    assert found(seen, link(status=LinkStatus.MISSING), rules) is None
    assert found(RemoteRecord("r1", 1, 100, {"Tier": "Low"}), link(), rules) is None


@given(
    st.sampled_from(["New", "Won", None, " New"]),
    st.sampled_from(["Low", "High", None]),
    st.integers(50, 200),
)
def test_what_the_base_holds_is_never_found_whatever_it_is(status: Value, tier: Value, stamp: int) -> None:
    pairs = {"status|Status": PairState(Base("x", status)), "tier|Tier": PairState(Base("y", tier))}
    assert found(record(stamp, Status=status, Tier=tier), link(pairs=pairs)) is None


@pytest.mark.parametrize(
    ("watermark", "ms"),
    [
        (None, None), ("token", None), ("2026-11-23T12:00:00", None), ("2026-11-23T12:00:00Z", 1795435200000),
        ("2026-11-23T12:00:00.000+00:00", 1795435200000),
    ],
)  # fmt: skip
def test_a_watermark_is_a_moment_or_nothing(watermark: str | None, ms: int | None) -> None:
    assert read_until(watermark) == ms


def test_only_what_the_ordinary_plan_changed_was_a_finding() -> None:
    before = link(needs_read=True, stamp_ms=50)
    looked = replace(before, needs_read=False, stamp_ms=100, read_ms=NOW, version=9)
    assert settled(["r1"], {"r1": before}, Changeset(links=[looked])) == frozenset()
    gone = replace(looked, status=LinkStatus.MISSING)
    assert settled(["r1", "r2"], {"r1": before}, Changeset(links=[gone])) == {"r1"}
    assert settled(["r1"], {}, Changeset(links=[looked])) == {"r1"}


def test_a_report_names_twenty_records_and_every_cause() -> None:
    findings = [Finding(f"r{i}", FindingKind.MISSING_HERE, Why.NEVER_READ) for i in range(30)]
    findings[3] = Finding("r3", FindingKind.STUCK, Why.LOST_ANSWER)
    note = report("app_1", "Sales", "run_1", findings, {"checked": 900, "missing_here": 29, "stuck": 1})
    assert note.severity == "info"
    assert len(note.raw["records"]) == NAMED == 20
    for words in ("900 records", "30 did not agree", "29 missing here", "1 stuck", "10 more", "(record r3)"):
        assert words in note.message
    assert "r25" not in note.message
