"""Errors of a run as people name them, and a pass that counts for nobody."""

from datetime import UTC, datetime
from typing import Any

import pytest

from tieline.flows.tally import PassTally, in_words
from tieline.ports import errors
from tieline.ports.store import Origin


def _all(kind: type[Exception]) -> set[type[Exception]]:
    return {kind}.union(*(_all(one) for one in kind.__subclasses__()))


def _made(kind: type[Exception]) -> Exception:
    given: dict[str, Any] = {"until": datetime(2026, 1, 1, tzinfo=UTC)}
    return kind("said", **given) if issubclass(kind, errors.RateLimitedError) else kind("said")


@pytest.mark.parametrize("kind", sorted(_all(errors.CrmError) - {errors.CrmError}, key=str))
def test_every_class_of_error_has_words_of_its_own(kind: type[Exception]) -> None:
    assert in_words(_made(kind)) != in_words(ValueError())


def test_a_special_error_is_not_named_as_the_general_one() -> None:
    assert in_words(errors.MalformedAnswerError("said")) == "answer not understood"
    assert in_words(errors.DuplicateRecordError("said")) == "taken for a duplicate"


async def test_a_pass_without_a_run_opens_none() -> None:
    tally = PassTally()
    await tally.begin(None, "org_1", "app_1")  # type: ignore[arg-type] # it must not be asked
    assert tally.origin("app_1") == Origin("app_1", None)
    assert not tally.begun
