"""What the brake tells people: the issue about a stop, its sample, and why a run waits. Pure; decides nothing."""

from collections.abc import Mapping
from typing import Any, Final

from tieline.domain.brake import Brake, BrakeFlow, BrakeKind, BrakeStatus, Effect
from tieline.domain.changeset import IssueNote

ISSUE_KIND: Final = "brake"

_IN_WORDS: Final[Mapping[BrakeKind, str]] = {
    BrakeKind.CONTACTS_CREATED: "create {count} contacts",
    BrakeKind.CONTACTS_CHANGED: "change {count} contacts",
    BrakeKind.CONTACTS_BLANKED: "empty a field of {count} contacts",
    BrakeKind.RECORDS_GONE: "take {count} linked records for gone",
    BrakeKind.RECORDS_CREATED: "create {count} records in the CRM",
    BrakeKind.RECORDS_CHANGED: "change {count} records in the CRM",
    BrakeKind.RECORDS_BLANKED: "empty a field of {count} records in the CRM",
}
_FLOWS: Final[Mapping[BrakeFlow, tuple[str, str]]] = {
    BrakeFlow.FULL: ("A full read", "Full reads wait; reads of what changed go on."),
    BrakeFlow.CHANGES: ("A read of what changed", "Reading from the CRM waits."),
    BrakeFlow.REMOVALS: ("Following the CRM's deletions", "Deletions wait; values go on syncing."),
    BrakeFlow.AUDIT: ("An audit", "Audits wait; syncs go on."),
    BrakeFlow.CALCULATED: ("An audit of calculated fields", "These audits wait; syncs go on."),
    BrakeFlow.PUSH: ("Writing back", "Writing back waits, except after a conversation."),
    BrakeFlow.CREATING: (
        "Creating records", "Creating waits, except after a conversation that has just ended.",
    ),
}  # fmt: skip


def brake_cause(app_id: str, flow: BrakeFlow) -> str:
    """One issue per app and flow."""
    return f"brake:{app_id}:{flow.value}"


def would(brake: Brake) -> str:
    """What the stopped run would have done, in words."""
    parts = [
        f"{_IN_WORDS[kind].format(count=f'{count:,}')} (the limit is {limit:,})"
        for kind, (count, limit) in brake.shown.items()
    ]
    return " and ".join(parts)


def why_stopped(brake: Brake) -> str:
    """Why a run waits, in one sentence and what to do."""
    what, _ = _FLOWS[brake.flow]
    if brake.status is BrakeStatus.REJECTED:
        return (
            f"{what} was rejected by a person ({brake.brake_id}), and waits until the stop is confirmed or the app's "
            "limits are changed."
        )
    return f"{what} would {would(brake)}; confirm or reject {brake.brake_id}."


def would_be_stopped(brake: Brake) -> str:
    """What a dry run says of a stop that the run would meet."""
    what, _ = _FLOWS[brake.flow]
    return f"{what} would {would(brake)}. The run would be stopped before the first of it until a person confirms."


def brake_note(app_name: str, brake: Brake) -> IssueNote:
    """The issue about a stop."""
    what, waits = _FLOWS[brake.flow]
    message = (
        f"{what} of app {app_name} would {would(brake)}, of {brake.known:,} that are linked, and was stopped before "
        f"the first of them. {waits} Nothing is lost. Look at the sample. If that is what you want, confirm it: "
        f"tieline brake confirm {brake.brake_id}. If not, put it right where it was done: the next run looks again, "
        "and goes on by itself when it is under the limit. With tieline brake reject nobody looks again until you "
        "confirm, or change the limits (crm_config.brake)."
    )
    raw = {"brake": brake.brake_id, "sample": list(brake.sample)}
    return IssueNote(brake_cause(brake.app_id, brake.flow), ISSUE_KIND, message, raw=raw, severity="error")


def sample_json(effect: Effect) -> dict[str, Any]:
    """One of the things that would have been done, for people and for the row; without what is not known."""
    shown = {
        "kind": effect.kind.value, "external_id": effect.external_id, "contact_id": effect.contact_id,
        "field_name": effect.field_name,
    }  # fmt: skip
    named = {name: value for name, value in shown.items() if value is not None}
    return {**named, "before": effect.before, "after": effect.after}
