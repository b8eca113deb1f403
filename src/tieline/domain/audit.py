"""What an audit compares: a record as the CRM lists it, and what we hold about it. Pure.

A comparison is a suspicion and never a verdict: it says which records to read by id and take through the ordinary plan.
This module must never decide what a value should be.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

from tieline.domain import instants
from tieline.domain.changes import PairState
from tieline.domain.changeset import Changeset, LinkState, LinkStatus
from tieline.domain.look import IN_FLIGHT_LASTS_MS
from tieline.domain.mapping import MappingSet, Pair
from tieline.domain.plan_inbound import numbers_of
from tieline.domain.records import RemoteRecord
from tieline.domain.values import ABSENT, Value

DEFAULT_AUDIT_HOURS: Final = 24
DEFAULT_CALCULATED_HOURS: Final = 6


class FindingKind(StrEnum):
    """What a comparison found about a record."""

    MISSING_HERE = "missing_here"
    MISSING_THERE = "missing_there"
    DIFFERING = "differing"
    STUCK = "stuck"


class Why(StrEnum):
    """What probably caused it."""

    NEVER_READ = "never_read"
    THOUGHT_GONE = "thought_gone"
    LATE_CHANGE = "late_change"
    CALCULATED = "calculated"
    NOT_MOVED = "not_moved"
    UNLISTED = "unlisted"
    LOST_ANSWER = "lost_answer"


@dataclass(frozen=True, slots=True)
class Finding:
    """A suspicion about one record."""

    external_id: str
    kind: FindingKind
    why: Why


@dataclass(frozen=True, slots=True)
class Compared:
    """What a page of records came to. `waiting` counts differences that the next ordinary read brings anyway."""

    findings: Sequence[Finding] = ()
    waiting: int = 0


@dataclass(frozen=True, slots=True)
class AuditRules:
    """What a comparison goes by. `read_ms`: our clock when the records were asked for; `now_ms`: our clock now.

    `read_until_ms` is the place, on the CRM's clock, from which the next increment reads on: what changed later is not
    missed yet. `calculated_only`: the records hold calculated fields alone. `full_read_waits`: newly mapped
    pairs, at which nobody has looked, are about to be read.
    """

    mapping: MappingSet
    tenant_key: str
    region: str
    read_ms: int
    now_ms: int
    read_until_ms: int | None = None
    calculated_only: bool = False
    full_read_waits: bool = False

    @property
    def pairs(self) -> Sequence[Pair]:
        """The pairs to compare."""
        return calculated_pairs(self.mapping) if self.calculated_only else self.mapping.pairs


def calculated_pairs(mapping: MappingSet) -> list[Pair]:
    """Pairs whose CRM field is a formula or calculated: their changes move no modified time."""
    return [pair for pair in mapping.pairs if pair.crm.calculated]


def read_until(watermark: str | None) -> int | None:
    """A watermark as the CRM's milliseconds, where it is a time."""
    moment = instants.parse_datetime(watermark) if watermark else None
    return instants.epoch_ms(moment) if moment is not None and moment.tzinfo is not None else None


def compare(
    records: Sequence[RemoteRecord],
    links: Mapping[str, LinkState],
    rules: AuditRules,
    open_causes: Collection[str] = (),
) -> Compared:
    """Compares records with what we hold. `open_causes`: of issues about them; what a person was told is not news."""
    findings: list[Finding] = []
    waiting = 0
    for record in {record.external_id: record for record in records}.values():
        finding = _suspect(record, links.get(record.external_id), rules, open_causes)
        if finding is None:
            continue
        young = rules.read_until_ms is not None and record.modified_ms >= rules.read_until_ms
        if young and finding.kind is not FindingKind.STUCK:
            waiting += 1  # The next increment reads the whole record.
        else:
            findings.append(finding)
    return Compared(tuple(findings), waiting)


def _suspect(
    record: RemoteRecord, link: LinkState | None, rules: AuditRules, open_causes: Collection[str]
) -> Finding | None:
    external_id = record.external_id
    if link is None:
        if rules.calculated_only:
            return None  # Only the whole audit speaks of records; this one speaks of values.
        return Finding(external_id, FindingKind.MISSING_HERE, Why.NEVER_READ)
    if link.needs_read or _older_than_known(record, link, rules):
        return None
    if link.status in (LinkStatus.DELETED, LinkStatus.MISSING) and not rules.calculated_only:
        return Finding(external_id, FindingKind.MISSING_HERE, Why.THOUGHT_GONE)
    if link.status not in (LinkStatus.OPEN, LinkStatus.SHARED, LinkStatus.SKIPPED):
        return None
    if _stuck(link, rules.now_ms):
        return Finding(external_id, FindingKind.STUCK, Why.LOST_ANSWER)
    differing = [pair for pair in _compared(link, rules) if _differs(record, link, pair, rules, open_causes)]
    number = not rules.calculated_only and _number_differs(record, link, rules)
    if not differing and not number:
        return None
    if record.modified_ms > link.stamp_ms:
        why = Why.LATE_CHANGE
    elif not number and all(pair.crm.calculated for pair in differing):
        why = Why.CALCULATED
    else:
        why = Why.NOT_MOVED
    return Finding(external_id, FindingKind.DIFFERING, why)


def _older_than_known(record: RemoteRecord, link: LinkState, rules: AuditRules) -> bool:
    """Whether what we hold is newer than this answer, so that it proves nothing."""
    return record.modified_ms < link.stamp_ms or bool(
        link.confirmed_write_ms and rules.read_ms <= link.confirmed_write_ms
    )


def _stuck(link: LinkState, now_ms: int) -> bool:
    sent = [one.at_ms for state in link.pairs.values() for one in state.in_flight]
    return link.status is LinkStatus.OPEN and any(at < now_ms - IN_FLIGHT_LASTS_MS for at in sent)


def _compared(link: LinkState, rules: AuditRules) -> Sequence[Pair]:
    return rules.pairs if link.status is LinkStatus.OPEN else ()


def _differs(
    record: RemoteRecord, link: LinkState, pair: Pair, rules: AuditRules, open_causes: Collection[str]
) -> bool:
    remote = record.values.get(pair.crm.name, ABSENT)
    if remote is ABSENT:
        return False  # Schema drift, which every read of that field reports.
    if rules.full_read_waits and pair.key not in link.pairs:
        return False
    known = link.pairs.get(pair.key, PairState())
    agreed = known.base.remote
    if agreed is not ABSENT and not known.base.new and _equal(pair, remote, agreed):
        return False
    if any(_equal(pair, remote, sent.remote) for sent in known.in_flight):
        return False
    if known.held is not None and _equal(pair, remote, known.held.remote):
        return False
    told = f"value:{rules.tenant_key}:{record.external_id}:{pair.key}" in open_causes
    return not (told and record.modified_ms == link.stamp_ms and not pair.crm.calculated)


def _equal(pair: Pair, one: Value, other: Value) -> bool:
    # To the letter first: canonical forms are dear, and nearly all values are equal.
    return (one == other and type(one) is type(other)) or pair.remote_form(one) == pair.remote_form(other)


def _number_differs(record: RemoteRecord, link: LinkState, rules: AuditRules) -> bool:
    if rules.mapping.phone_field not in record.values:
        return False
    return numbers_of(record, rules.mapping, rules.region).usable != link.phones


# After the ordinary plan


def settled(
    external_ids: Collection[str], before: Mapping[str, LinkState], plan: Changeset
) -> frozenset[str]:
    """The records of which the ordinary plan changed more than our note that it was looked at. The others were no
    findings: meanwhile somebody else was there, or the difference is one that we know and keep.
    """
    after = {link.external_id: link for link in plan.links}
    return frozenset(
        ext for ext in external_ids if ext in after and _matter(after[ext]) != _matter(before.get(ext))
    )


def _matter(link: LinkState | None) -> Any:
    if link is None:
        return None
    return (link.status, link.contact_id, link.phones, link.raw_phone, dict(link.pairs), link.merged_into)
