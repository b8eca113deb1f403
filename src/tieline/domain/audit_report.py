"""What an audit tells people: sentences and causes of issues. Pure; decides nothing."""

from collections.abc import Mapping, Sequence
from typing import Final

from tieline.domain.audit import Finding, FindingKind, Why
from tieline.domain.changeset import IssueNote

NAMED: Final = 20
"""So many records a report names."""

_IN_WORDS: Final[Mapping[Why, str]] = {
    Why.NEVER_READ: "the CRM has the record and we did not know it: probably it was committed behind the place up to "
    "which we had read, or became visible to the connected user later",
    Why.THOUGHT_GONE: "the CRM shows a record that we held for gone: probably it was restored or became visible again",
    Why.LATE_CHANGE: "the CRM changed a value at a time that our reads had passed already: probably a long transaction "
    "was committed late, or an index showed it late",
    Why.CALCULATED: "a formula or calculated field has another value, which moves no modified time",
    Why.NOT_MOVED: "a value differs although the record's modified time did not move: probably the CRM changed it in "
    "the background, or our rows were changed or restored from a backup",
    Why.UNLISTED: "the CRM no longer shows the record and its deletions do not name it: probably it was erased for "
    "good, or hidden from the connected user",
    Why.LOST_ANSWER: "a value that was sent was neither confirmed nor seen for longer than a write can take",
}  # fmt: skip


def report(
    app_id: str, name: str, run_id: str, found: Sequence[Finding], counts: Mapping[str, int]
) -> IssueNote:
    """What an audit repaired, for people: how much, the first records, the probable causes in words.

    `found` are the first findings, `counts` all of them by kind, and `checked`.
    """
    named = found[:NAMED]
    total = sum(counts.get(kind, 0) for kind in FindingKind)
    causes = [f"{_IN_WORDS[why]} (record {_of(named, why)})" for why in Why if _of(named, why)]
    more = f" {total - len(named)} more are not named here." if total > len(named) else ""
    message = (
        f"An audit of app {name} compared {counts.get('checked', 0)} records of the CRM with what is held here. "
        f"{total} did not agree, were read again, and were repaired by the ordinary rules: "
        f"{counts.get(FindingKind.MISSING_HERE, 0)} missing here, {counts.get(FindingKind.MISSING_THERE, 0)} missing "
        f"in the CRM, {counts.get(FindingKind.DIFFERING, 0)} differing, {counts.get(FindingKind.STUCK, 0)} stuck. "
        f"What we found: {'; '.join(causes)}.{more} The ledger says what became of each value."
    )
    raw = [{"record": f.external_id, "finding": f.kind.value, "why": f.why.value} for f in named]
    return IssueNote(
        f"audit:{app_id}", "audit_repaired", message, raw={"run": run_id, "records": raw}, severity="info"
    )


def _of(found: Sequence[Finding], why: Why) -> str:
    return ", ".join(f.external_id for f in found if f.why is why)


def second_activities_cause(tenant_key: str, ref: str) -> str:
    """One issue per conversation and tenant."""
    return f"activity:{tenant_key}:{ref}:second"


def second_activities(
    tenant_key: str, ref: str, external_id: str, contact_id: str, ids: Sequence[str], ours: str | None
) -> IssueNote:
    """The issue about a conversation that was logged more than once."""
    message = (
        f"Conversation {ref} is logged {len(ids)} times in the CRM ({', '.join(ids[:NAMED])}); Tieline keeps "
        f"{ours or ids[0]} up to date. Delete the others there. Usually the CRM applied a request after its time limit."
    )
    cause = second_activities_cause(tenant_key, ref)
    return IssueNote(
        cause, "second_activity", message, external_id, contact_id, raw={"activities": list(ids)}
    )
