"""What the integration user may not do with whole objects, by what the describes say. Answers made up for the test."""

import json
from datetime import UTC, datetime

import pytest

from tieline.connectors.salesforce import permissions
from tieline.domain.permissions import Needs
from tieline.ports.crm import Response
from tieline.ports.errors import PermissionMissingError

AT = datetime(2026, 11, 20, tzinfo=UTC)
ALL = Needs(edits=True, creates=True, logs=True)
Objects = dict[str, dict[str, bool] | None]


def told(needs: Needs, objects: Objects) -> list[str]:
    """The sentences, for objects with those permissions; None: the user may not see the object."""
    asked, operation = [], permissions.permission_problems(needs)
    try:
        request = next(operation)
        while True:
            name = request.path.split("/")[-2]
            asked.append(name)
            flags = objects[name]
            if flags is None:
                request = operation.throw(PermissionMissingError("hidden"))
                continue
            body = json.dumps({"name": name, "fields": [], **flags}).encode()
            request = operation.send(Response(200, {}, body, AT, AT))
    except StopIteration as done:
        assert asked == list(dict.fromkeys(asked)), "no object is asked for twice"
        return list(done.value)


def test_whoever_may_do_everything_misses_nothing() -> None:
    able = {"createable": True, "updateable": True}
    assert told(ALL, {"Contact": able, "Task": able}) == []
    assert told(Needs(), {}) == []


NO_CREATE = {"createable": False, "updateable": True}


@pytest.mark.parametrize(
    ("needs", "objects", "beginnings"),
    [
        (ALL, {"Contact": NO_CREATE, "Task": None}, ["Cannot create a Contact", "Cannot create a Task"]),
        (
            Needs(edits=True),
            {"Contact": {"createable": True, "updateable": False}},
            ["Cannot edit any Contact"],
        ),
        (Needs(logs=True), {"Task": NO_CREATE}, ["Cannot create a Task"]),
    ],
)
def test_what_is_missing_is_told_for_what_is_needed(
    needs: Needs, objects: Objects, beginnings: list[str]
) -> None:
    found = told(needs, objects)
    assert [text.split(",")[0].split(":")[0] for text in found] == beginnings
    assert all("ask for that object permission" in text for text in found)
