"""What follows from each class of error."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tieline.ports import errors
from tieline.ports.errors import ConflictError, CrmError
from tieline.worker.retry import LONGEST_DELAY, MOST_ATTEMPTS, GiveUp, RetryAfter, StopApp, backoff, decide

NOW = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
SOON = NOW + timedelta(seconds=90)


def s(seconds: float) -> timedelta:
    return timedelta(seconds=seconds)


@pytest.mark.parametrize(
    ("error", "attempt", "jitter", "decision"),
    [
        (errors.RateLimitedError("slow", until=SOON), 1, 0.0, RetryAfter(s(90), counted=False)),
        (errors.RateLimitedError("slow", until=SOON), 99, 0.5, RetryAfter(s(90.5), counted=False)),
        (errors.RateLimitedError("slow", until=NOW - s(5)), 1, 0.0, RetryAfter(s(0), counted=False)),
        (errors.TransientError("down"), 1, 0.0, RetryAfter(s(1), counted=True)),
        (errors.TransientError("down"), 3, 0.0, RetryAfter(s(4), counted=True)),
        (errors.TransientError("down", maybe_applied=True), 1, 0.5, RetryAfter(s(1.5), counted=True)),
        (errors.MalformedAnswerError("short"), 1, 0.0, RetryAfter(s(1), counted=True)),
        (errors.SendTooLateError("late"), 1, 0.0, RetryAfter(s(1), counted=True)),
        (errors.TransientError("down"), MOST_ATTEMPTS, 0.0, GiveUp(f"down ({MOST_ATTEMPTS} attempts)")),
        (errors.CursorGoneError("gone"), 1, 0.0, RetryAfter(s(1), counted=True)),
        (ConflictError("first"), 1, 0.0, RetryAfter(s(1), counted=True)),
        (errors.CredentialsInvalidError("no"), 1, 0.0, StopApp("no")),
        (errors.AccessTokenExpiredError("old"), 1, 0.0, StopApp("old")),
        (errors.PermissionMissingError("not yours", detail="scope"), 1, 0.0, GiveUp("not yours The CRM said: scope")),
        (errors.RecordGoneError("gone"), 1, 0.0, GiveUp("gone")),
        (errors.RecordRejectedError("bad"), 1, 0.0, GiveUp("bad")),
        (errors.DuplicateRecordError("twice"), 1, 0.0, GiveUp("twice")),
        (errors.SchemaDriftError("no field"), 1, 0.0, GiveUp("no field")),
        (errors.FatalError("bug"), 1, 0.0, GiveUp("bug")),
    ],
)  # fmt: skip
def test_the_class_of_an_error_says_what_to_do(
    error: CrmError | ConflictError, attempt: int, jitter: float, decision: object
) -> None:
    assert decide(error, attempt, NOW, jitter) == decision


def test_every_class_of_error_is_in_the_table() -> None:
    def below(kind: type[CrmError]) -> set[type[CrmError]]:
        return {kind}.union(*(below(child) for child in kind.__subclasses__()))

    marks = test_the_class_of_an_error_says_what_to_do.pytestmark  # type: ignore[attr-defined]
    in_table = {type(row[0]) for row in marks[0].args[1]}
    assert below(CrmError) - {CrmError} <= in_table


@given(st.integers(min_value=1, max_value=10_000), st.floats(min_value=0, max_value=1, exclude_max=True))
def test_the_pause_never_shrinks_with_attempts_and_has_an_end(attempt: int, jitter: float) -> None:
    assert timedelta(0) < backoff(attempt, jitter) <= backoff(attempt + 1, jitter) <= LONGEST_DELAY
