"""Batches of up to 100 records: 200 or 201 if all went well, 207 if some did, 400 or 409 if none may."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field

from starlette.responses import Response

from tieline.sandbox.hubspot.api.call import Call, Json, member, members, text, texts
from tieline.sandbox.hubspot.api.objects import read_links
from tieline.sandbox.hubspot.records import Record
from tieline.sandbox.hubspot.render import View
from tieline.sandbox.hubspot.shelf import Shelf
from tieline.sandbox.hubspot.wire import (
    HubSpotError,
    ObjectJson,
    PropertyFault,
    bad_request,
    invalid_properties,
    iso,
    json_answer,
    no_content,
)
from tieline.sandbox.hubspot.writes import Link, Writer

MAX_INPUTS = 100
# Faults of the request itself: one of them fails the whole batch, traced or not.
_FATAL = frozenset({"PROPERTY_DOESNT_EXIST", "READ_ONLY_VALUE"})


@dataclass(slots=True)
class Outcome:
    """What a batch came to so far; `missing` are ids that no record has."""

    started: int
    results: list[ObjectJson] = field(default_factory=list)
    errors: list[ObjectJson] = field(default_factory=list)
    missing: list[str] = field(default_factory=list)


def batch_read(call: Call) -> Response:
    shelf = call.shelf()
    call.need("objects", "read", shelf)
    body, inputs = _inputs(call)
    name = str(body.get("idProperty") or "hs_object_id")
    if not shelf.is_unique(name):
        raise bad_request(f"{name} is not a unique property of {shelf.kind.upper}")
    view = View(call.portal, shelf, texts(body, "properties"), texts(body, "propertiesWithHistory"))
    outcome = Outcome(call.portal.now())
    for wanted in dict.fromkeys(text(item, "id") for item in inputs):
        record = _archived(shelf, wanted) if call.flag("archived") else shelf.find(name, wanted)
        if record is None:
            outcome.missing.append(wanted)
        else:
            call.touch(record.state.id)
            outcome.results.append(view.of_record(record))
    return _answer(call, shelf, outcome, 200)


def batch_create(call: Call) -> Response:
    shelf = call.shelf()
    call.need("objects", "write", shelf)
    _, inputs = _inputs(call)
    traces = _traces(inputs)
    writer, view = call.writer(), View(call.portal, shelf)
    plans = _checked_all(call, shelf, writer, [(item, None) for item in inputs], new=True)
    outcome = Outcome(call.portal.now())
    if not traces:
        _refuse_taken(shelf, [plan.values for plan in plans])
    for plan in plans:
        trace = _trace(plan.item) if traces else None
        with _caught(outcome, trace, whole=not traces) as caught:
            if plan.faults:
                raise invalid_properties(plan.faults)
            record = writer.create(shelf, plan.values, plan.links)
            caught.result = _traced(view.after_create(record), trace)
    return _answer(call, shelf, outcome, 201)


def batch_update(call: Call) -> Response:
    """A merged-away or unknown id is one error of a 207; the others are updated."""
    shelf = call.shelf()
    call.need("objects", "write", shelf)
    _, inputs = _inputs(call)
    traces = _traces(inputs)
    writer, view = call.writer(), View(call.portal, shelf)
    pairs, missing = _found(shelf, inputs)
    plans = _checked_all(call, shelf, writer, pairs, new=False)
    outcome = Outcome(call.portal.now(), missing=missing)
    for plan in plans:
        assert plan.record is not None
        trace = _trace(plan.item) if traces else None
        with _caught(outcome, trace, whole=not traces) as caught:
            if plan.faults:
                raise invalid_properties(plan.faults)
            changed = writer.update(shelf, plan.record, plan.values)
            caught.result = _traced(view.after_update(plan.record, changed), trace)
    return _answer(call, shelf, outcome, 200)


def batch_upsert(call: Call) -> Response:
    """By e-mail or another unique property; an upsert by e-mail is all or nothing."""
    shelf = call.shelf()
    call.need("objects", "write", shelf)
    _, inputs = _inputs(call)
    names = {text(item, "idProperty") for item in inputs}
    if len(names) > 1:
        raise bad_request("All inputs of an upsert must have the same idProperty")
    name = names.pop() if names else "email"
    if name == "hs_object_id" or not shelf.is_unique(name):
        raise bad_request(f"{name} is not a unique property of {shelf.kind.upper}")
    traces = _traces(inputs) and name != "email"
    writer, view = call.writer(), View(call.portal, shelf)
    keys = [text(item, "id") for item in inputs]
    _refuse_repeated([key.lower() for key in keys])
    pairs = [(_keyed(item, name, key), shelf.find(name, key)) for item, key in zip(inputs, keys, strict=True)]
    plans = _checked_all(call, shelf, writer, pairs, new=False)
    outcome = Outcome(call.portal.now())
    for plan in plans:
        trace = _trace(plan.item) if traces else None
        with _caught(outcome, trace, whole=not traces) as caught:
            if plan.faults:
                raise invalid_properties(plan.faults)
            if plan.record is None:
                body = view.after_create(writer.create(shelf, plan.values, plan.links))
            else:
                body = view.after_update(plan.record, writer.update(shelf, plan.record, plan.values))
            caught.result = _traced({**body, "new": plan.record is None}, trace)
    return _answer(call, shelf, outcome, 200)


def batch_archive(call: Call) -> Response:
    shelf = call.shelf()
    call.need("objects", "write", shelf)
    _, inputs = _inputs(call)
    writer = call.writer()
    for wanted in dict.fromkeys(text(item, "id") for item in inputs):
        record = shelf.find("hs_object_id", wanted)
        if record is not None:
            writer.archive(shelf, record)
    return no_content()


@dataclass(slots=True)
class _Plan:
    """One input, its record if there is one, and the values to write."""

    item: Json
    record: Record | None
    values: dict[str, str]
    faults: list[PropertyFault]
    links: list[Link]


class _caught:  # noqa: N801 - a context manager that reads as what it does
    """Collects the result or the error of one input; `whole` lets the error end the batch instead."""

    def __init__(self, outcome: Outcome, trace: str | None, *, whole: bool) -> None:
        self._outcome = outcome
        self._trace = trace
        self._whole = whole
        self.result: ObjectJson | None = None

    def __enter__(self) -> "_caught":
        return self

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> bool:
        if self.result is not None:
            self._outcome.results.append(self.result)
        if not isinstance(error, HubSpotError) or self._whole:
            return False
        self._outcome.errors.append(error.entry(self._trace))
        return True


def _checked_all(
    call: Call, shelf: Shelf, writer: Writer, pairs: Sequence[tuple[Json, Record | None]], *, new: bool
) -> list[_Plan]:
    """Checks every input before the first is written; raises for what fails the batch as a whole."""
    traced = _traces([item for item, _ in pairs])
    plans: list[_Plan] = []
    refused: list[PropertyFault] = []
    for item, record in pairs:
        checked = writer.check(shelf, member(item, "properties"), record)
        refused += [fault for fault in checked.faults if not traced or fault.code in _FATAL]
        links = read_links(shelf, item)
        writer.require_links(links)
        if call.enforces and not checked.faults:
            writer.require_by_admin(shelf, checked.values, new=new or record is None)
        plans.append(_Plan(item, record, checked.values, checked.faults, links))
    if refused:
        raise invalid_properties(refused)
    return plans


def _inputs(call: Call) -> tuple[Json, list[Json]]:
    body = call.body()
    inputs = members(body, "inputs")
    if len(inputs) > MAX_INPUTS:
        raise bad_request(f"The maximum number of inputs supported in a batch request is {MAX_INPUTS}")
    if not inputs:
        raise bad_request("At least one input is required")
    return body, inputs


def _found(shelf: Shelf, inputs: Sequence[Json]) -> tuple[list[tuple[Json, Record | None]], list[str]]:
    """Inputs with their records, and the ids that no record has; 400 for ids that come twice."""
    _refuse_repeated([text(item, "id") for item in inputs])
    pairs: list[tuple[Json, Record | None]] = []
    missing: list[str] = []
    for item in inputs:
        wanted, name = text(item, "id"), str(item.get("idProperty") or "hs_object_id")
        record = shelf.find(name, wanted) if shelf.is_unique(name) else None
        if record is None:
            missing.append(wanted)
        else:
            pairs.append((item, record))
    return pairs, missing


def _refuse_repeated(ids: Sequence[str]) -> None:
    repeated = [one for at, one in enumerate(ids) if one in ids[:at]]
    if repeated:
        listed = list(dict.fromkeys(repeated))
        message = f"Duplicate IDs found in batch input: [{', '.join(listed)}]. IDs must be unique"
        raise bad_request(message, {"ids": listed})


def _refuse_taken(shelf: Shelf, values: Sequence[dict[str, str]]) -> None:
    """Without trace ids one taken value fails all of a create, before anything is made."""
    for name in shelf.unique_names():
        seen: set[str] = set()
        for one in values:
            value = one.get(name, "").lower()
            if value and (value in seen or shelf.holder(name, value) is not None):
                label = shelf.kind.singular.capitalize()
                raise HubSpotError(409, f"{label} already exists", "CONFLICT")
            seen.add(value)


def _keyed(item: Json, name: str, key: str) -> Json:
    """An upsert's input with its key among its properties."""
    return {**item, "properties": {**member(item, "properties"), name: key}}


def _traces(inputs: Sequence[Json]) -> bool:
    """Partial success needs a trace id on every input."""
    return all(item.get("objectWriteTraceId") is not None for item in inputs)


def _trace(item: Json) -> str:
    return str(item["objectWriteTraceId"])


def _traced(body: ObjectJson, trace: str | None) -> ObjectJson:
    return body if trace is None else {**body, "objectWriteTraceId": trace}


def _archived(shelf: Shelf, wanted: str) -> Record | None:
    return shelf.archived.get(int(wanted)) if wanted.isdigit() else None


def _answer(call: Call, shelf: Shelf, outcome: Outcome, status: int) -> Response:
    if outcome.missing:
        message = (
            f"Could not get some {shelf.kind.upper} objects, they may be deleted or not exist."
            " Check that ids are valid."
        )
        missing = HubSpotError(404, message, "OBJECT_NOT_FOUND", context={"ids": outcome.missing})
        outcome.errors.append(missing.entry())
    results = outcome.results
    if call.portal.settings.shuffle_batches:
        results = sorted(results, key=lambda item: hashlib.sha256(str(item["id"]).encode()).digest())
    body: ObjectJson = {
        "status": "COMPLETE",
        "results": results,
        "startedAt": iso(outcome.started),
        "completedAt": iso(call.portal.now()),
    }
    if outcome.errors:
        body |= {"numErrors": len(outcome.errors), "errors": outcome.errors}
    return json_answer(body, 207 if outcome.errors else status)
