"""Writing contacts: batch updates that no bad record can spoil, and creates.

HubSpot refuses a whole batch with 400 for one bad value, and answers 207 when single records fail for other
reasons. The first is taken apart until the bad ones stand alone; the second is matched by id and counted. A
record that an answer does not account for is never taken for written.
"""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from tieline.connectors.hubspot import errors, paths, wire
from tieline.connectors.hubspot.error_body import redacted
from tieline.connectors.hubspot.types import write_field
from tieline.domain.crm_schema import CrmField
from tieline.domain.records import Patch
from tieline.domain.values import Value
from tieline.ports.crm import Operation, Refused, Request, WriteOutcome, Written
from tieline.ports.errors import (
    CrmError,
    MalformedAnswerError,
    RecordGoneError,
    RecordRejectedError,
    SchemaDriftError,
    TransientError,
)

_ALLOWED = re.compile(r"\[[^\[\]{}]*\]")
_ISOLATED: Final = (RecordRejectedError, RecordGoneError, SchemaDriftError)
_SAME_FOR_ALL: Final = frozenset({"PROPERTY_DOESNT_EXIST", "READ_ONLY_VALUE"})

Inputs = dict[str, dict[str, str]]
"""What is to be written: HubSpot's values by property, by contact id."""


@dataclass(slots=True)
class _Progress:
    """How far an update is: outcomes so far, what is still to be sent, and what stopped it after something
    was written."""

    groups: list[Inputs]
    outcomes: dict[str, WriteOutcome] = field(default_factory=dict)
    answered: bool = False

    def settle(self, outcomes: Iterable[WriteOutcome]) -> None:
        self.answered = True
        self.outcomes.update((one.external_id, one) for one in outcomes)

    def stop(self, error: CrmError) -> None:
        """Nothing more is sent; what was not settled keeps the error that stopped it."""
        for group in self.groups:
            self.outcomes.update((one, Refused(one, error)) for one in group)
        self.groups.clear()


def update_contacts(
    patches: Sequence[Patch], fields: Mapping[str, CrmField]
) -> Operation[Sequence[WriteOutcome]]:
    """One outcome per patch, in its order. Two patches of one record are sent as one, the later value
    winning, since HubSpot refuses a batch that names a record twice.

    An error that concerns the connection (rate limit, fault, credentials) is raised as long as nothing was
    answered yet; afterwards it is the outcome of every record that was not settled, so that what was written
    is not forgotten.
    """
    inputs: Inputs = {}
    for patch in patches:
        values = inputs.setdefault(patch.external_id, {})
        values.update((name, write_field(value, fields.get(name))) for name, value in patch.values.items())
    progress = _Progress(list(_chunks(inputs)))
    while progress.groups:
        group = progress.groups[0]
        try:
            settled = yield from _send(group)
        except _ISOLATED as error:
            progress.groups[:1] = _take_apart(group, error, progress)
        except CrmError as error:
            if not progress.answered:
                raise
            progress.stop(error)
        else:
            progress.groups.pop(0)
            progress.settle(settled)
    return [progress.outcomes[patch.external_id] for patch in patches]


def _chunks(inputs: Inputs) -> Iterator[Inputs]:
    ids = list(inputs)
    for start in range(0, len(ids), paths.BATCH_LIMIT):
        yield {one: inputs[one] for one in ids[start : start + paths.BATCH_LIMIT]}


def _send(group: Inputs) -> Operation[list[WriteOutcome]]:
    body = {"inputs": [{"id": one, "properties": values} for one, values in group.items()]}
    response = yield Request("POST", paths.CONTACT_BATCH_UPDATE, json=body, applies=True)
    try:
        answer = wire.batch_answer(response)
    except MalformedAnswerError as problem:
        raise _lost(problem.detail) from problem
    written = {one.id: one for one in answer.results}
    refused = {one: _batch_error(one, error) for error in answer.errors for one in error.ids()}
    missing = [one for one in group if one not in written and one not in refused]
    if missing:
        raise _lost(f"{len(missing)} of {len(group)} contacts are not in the answer, first {missing[0]}")
    return [
        Refused(one, refused[one]) if one in refused else Written(one, wire.epoch_ms(written[one].updatedAt))
        for one in group
    ]


def _lost(detail: str) -> TransientError:
    return MalformedAnswerError(
        "HubSpot's answer to an update was empty or short, so it is not known what was written; the contacts"
        " are read again first.",
        maybe_applied=True,
        detail=detail,
    )


def _batch_error(external_id: str, error: wire.BatchError) -> CrmError:
    code = next((str(one["code"]) for one in error.errors if one.get("code")), error.category)
    text = redacted(error.message)
    match error.category:
        case "OBJECT_NOT_FOUND":
            message = "The record is no longer in HubSpot under this id."
            return RecordGoneError(message, external_id=external_id, detail=text, code=code)
        case "CONFLICT":
            return errors.conflict(error.message, error.context, code=code)
        case "VALIDATION_ERROR":
            return errors.rejected(error.message, field=None, code=code)
        case _:
            message = "HubSpot could not write this record now; it is tried again."
            return TransientError(message, maybe_applied=True, detail=text, code=code)


def _take_apart(group: Inputs, error: CrmError, progress: _Progress) -> list[Inputs]:
    """What to send instead of a group that was refused as a whole. A single record is settled with the error;
    so are all that set a property which nobody can set."""
    if len(group) == 1:
        progress.settle(Refused(one, _about(one, error)) for one in group)
        return []
    name = error.field if isinstance(error, RecordRejectedError | SchemaDriftError) else None
    naming = {one: values for one, values in group.items() if name is not None and name in values}
    if naming and (error.code in _SAME_FOR_ALL or isinstance(error, SchemaDriftError)):
        progress.settle(Refused(one, _about(one, error)) for one in naming)
        return [rest] if (rest := _without(group, naming)) else []
    suspects = {
        one: values for one, values in naming.items() if _quotes(error.detail, values.get(name or ""))
    }
    for part in (suspects, naming):
        if 0 < len(part) < len(group):
            return [part, _without(group, part)]
    ids = list(group)
    half = {one: group[one] for one in ids[: len(ids) // 2]}
    return [half, _without(group, half)]


def _quotes(text: str, value: str | None) -> bool:
    """Whether a complaint quotes this value, other than in its list of what would be allowed."""
    said = _ALLOWED.sub("", text)
    return bool(value) and re.search(rf"(?<!\w){re.escape(value or '')}(?!\w)", said) is not None


def _without(group: Inputs, part: Inputs) -> Inputs:
    return {one: values for one, values in group.items() if one not in part}


def _about(external_id: str, error: CrmError) -> CrmError:
    if isinstance(error, RecordGoneError) and error.external_id != external_id:
        return RecordGoneError(error.message, external_id=external_id, detail=error.detail, code=error.code)
    return error


def create_contact(values: Mapping[str, Value], fields: Mapping[str, CrmField]) -> Operation[Written]:
    """Creates one contact. Empty values are left out: there is nothing to clear yet."""
    properties = {
        name: write_field(value, fields.get(name)) for name, value in values.items() if value is not None
    }
    response = yield Request("POST", paths.CONTACTS, json={"properties": properties}, applies=True)
    try:
        created = wire.one_object(response)
    except MalformedAnswerError as problem:
        raise MalformedAnswerError(
            "HubSpot's answer to a create was empty or cut off, so the contact may or may not exist; it is"
            " looked for first.",
            maybe_applied=True,
            detail=problem.detail,
        ) from problem
    return Written(created.id, wire.epoch_ms(created.updatedAt))
