"""Batches of up to 100 records: 200 or 201 if all went well, 207 if some did, 400 or 409 if none may."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field

from starlette.responses import Response

from tieline.sandbox.hubspot.api.call import Call, Json, member, members, text, texts
from tieline.sandbox.hubspot.api.plans import checked_plans, refuse_repeated, refuse_taken
from tieline.sandbox.hubspot.records import Record
from tieline.sandbox.hubspot.render import View
from tieline.sandbox.hubspot.shelf import Shelf
from tieline.sandbox.hubspot.wire import (
    HubSpotError,
    ObjectJson,
    bad_request,
    iso,
    json_answer,
    no_content,
)

MAX_INPUTS = 100


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
    history = call.portal.settings.history_limit
    if body.get("propertiesWithHistory") and len(inputs) > history:
        raise bad_request(f"The maximum number of inputs with property histories is {history}")
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
    if not traces:
        refuse_taken(shelf, inputs)
    plans = checked_plans(call, shelf, [(item, None) for item in inputs], traced=traces)
    outcome = Outcome(call.portal.now())
    for plan in plans:
        trace = _trace(plan.item) if traces else None
        with _caught(outcome, trace, whole=not traces) as caught:
            if plan.error is not None:
                raise plan.error
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
    plans = checked_plans(call, shelf, pairs, traced=traces)
    outcome = Outcome(call.portal.now(), missing=missing)
    for plan in plans:
        assert plan.record is not None
        trace = _trace(plan.item) if traces else None
        with _caught(outcome, trace, whole=not traces) as caught:
            if plan.error is not None:
                raise plan.error
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
    refuse_repeated([key.lower() for key in keys])
    pairs = [(_keyed(item, name, key), shelf.find(name, key)) for item, key in zip(inputs, keys, strict=True)]
    plans = checked_plans(call, shelf, pairs, traced=traces)
    outcome = Outcome(call.portal.now())
    for plan in plans:
        trace = _trace(plan.item) if traces else None
        with _caught(outcome, trace, whole=not traces) as caught:
            if plan.error is not None:
                raise plan.error
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
    refuse_repeated([text(item, "id") for item in inputs])
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
