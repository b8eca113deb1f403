"""What a batch of writes is going to do, checked as a whole before its first record changes."""

from collections.abc import Sequence
from dataclasses import dataclass

from tieline.sandbox.hubspot.api.call import Call, Json, member
from tieline.sandbox.hubspot.api.objects import read_links
from tieline.sandbox.hubspot.records import Record
from tieline.sandbox.hubspot.shelf import Shelf
from tieline.sandbox.hubspot.values import as_text
from tieline.sandbox.hubspot.wire import HubSpotError, PropertyFault, bad_request, invalid_properties
from tieline.sandbox.hubspot.writes import Link, Writer

# Faults of the request itself: one of them fails the whole batch, traced or not.
_FATAL = frozenset({"PROPERTY_DOESNT_EXIST", "READ_ONLY_VALUE"})


@dataclass(slots=True)
class Plan:
    """One input, its record if there is one, and the values to write."""

    item: Json
    record: Record | None
    values: dict[str, str]
    links: list[Link]
    error: HubSpotError | None = None


def checked_plans(
    call: Call,
    shelf: Shelf,
    pairs: Sequence[tuple[Json, Record | None]],
    *,
    traced: bool,
) -> list[Plan]:
    """Checks every input before the first is written; raises for what fails the batch as a whole."""
    writer = call.writer()
    plans: list[Plan] = []
    refused: list[PropertyFault] = []
    for item, record in pairs:
        checked = writer.check(shelf, member(item, "properties"), record)
        refused += [fault for fault in checked.faults if not traced or fault.code in _FATAL]
        error = invalid_properties(checked.faults) if checked.faults else None
        plan = Plan(item, record, checked.values, read_links(shelf, item), error)
        plan.error = error or _refusal(call, shelf, writer, plan)
        plans.append(plan)
    if refused:
        raise invalid_properties(refused)
    for plan in plans:
        if plan.error is not None and not traced:
            raise plan.error
    return plans


def _refusal(call: Call, shelf: Shelf, writer: Writer, plan: Plan) -> HubSpotError | None:
    """What is wrong with an input beside its property values."""
    try:
        writer.require_links(plan.links)
        if call.enforces:
            writer.require_by_admin(shelf, plan.values, new=plan.record is None)
        if plan.record is None:
            writer.require(shelf, plan.values)
        writer.require_free(shelf, plan.values, plan.record)
    except HubSpotError as error:
        return error
    return None


def refuse_repeated(ids: Sequence[str]) -> None:
    repeated = [one for at, one in enumerate(ids) if one in ids[:at]]
    if repeated:
        listed = list(dict.fromkeys(repeated))
        message = f"Duplicate IDs found in batch input: [{', '.join(listed)}]. IDs must be unique"
        raise bad_request(message, {"ids": listed})


def refuse_taken(shelf: Shelf, inputs: Sequence[Json]) -> None:
    """Without trace ids one taken value fails all of a create, and no holder is named."""
    for name in shelf.unique_names():
        seen: set[str] = set()
        for item in inputs:
            value = as_text(member(item, "properties").get(name)).strip().lower()
            if value and (value in seen or shelf.holder(name, value) is not None):
                label = shelf.kind.singular.capitalize()
                raise HubSpotError(409, f"{label} already exists", "CONFLICT")
            seen.add(value)
