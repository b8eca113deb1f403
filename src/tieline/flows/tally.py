"""What one pass of a flow did, for the history of runs: counts, errors by class in words, which model merged texts.

A pass that finds nothing to do leaves no run; one that does is a run from its first look at the work on. This module
never decides what a pass does.
"""

from collections import Counter
from dataclasses import dataclass, field
from typing import Final, Literal, TypeAlias

from tieline.ports import errors
from tieline.ports.store import Origin, UnitOfWork

PassKind: TypeAlias = Literal["outbound", "creating", "activity", "analysis"]

# The first that fits, so the special stand before the general.
_WORDS: Final[tuple[tuple[type[Exception], str], ...]] = (
    (errors.CredentialsInvalidError, "credentials refused"),
    (errors.PermissionMissingError, "permission missing"),
    (errors.RateLimitedError, "rate limit reached"),
    (errors.SendTooLateError, "too late to send"),
    (errors.MalformedAnswerError, "answer not understood"),
    (errors.TransientError, "CRM unavailable or connection lost"),
    (errors.RecordGoneError, "record gone"),
    (errors.DuplicateRecordError, "taken for a duplicate"),
    (errors.RecordRejectedError, "value refused by the CRM"),
    (errors.SchemaDriftError, "field gone or changed"),
    (errors.CursorGoneError, "place in the read lost"),
    (errors.FatalError, "request not accepted"),
    (errors.LeaseLostError, "another worker took over"),
    (errors.ConflictError, "changed by others all the time"),
    (errors.BrakedError, "stopped by the brake"),
)


def in_words(error: BaseException) -> str:
    """The class of an error, as people name it."""
    return next((words for kind, words in _WORDS if isinstance(error, kind)), "unexpected error")


@dataclass(slots=True)
class PassTally:
    """One pass. Without a `run_id` it counts for nobody.

    Counts are of records, contacts or conversations: `looked` at; `changed`, `created`; `skipped` (nothing to do);
    `refused` (needs a person); `waiting` (put off).
    """

    kind: PassKind = "outbound"
    run_id: str = ""
    counts: Counter[str] = field(default_factory=Counter)
    errors: Counter[str] = field(default_factory=Counter)
    engines: set[str] = field(default_factory=set)
    requests: int = 0
    begun: bool = False

    async def begin(self, uow: UnitOfWork, org_id: str, app_id: str | None) -> None:
        """There is something to do: from now on this is a run."""
        if self.run_id and not self.begun:
            await uow.begin_pass(org_id, app_id, self.kind, self.run_id)
            self.begun = True

    def origin(self, app_id: str | None = None) -> Origin:
        """Whose work a changeset is."""
        return Origin(app_id, self.run_id or None)

    def add(self, **counts: int) -> None:
        """Adds to the counts."""
        self.counts.update({name: number for name, number in counts.items() if number})

    def failed(self, error: BaseException) -> None:
        """Counts an error by its class."""
        self.errors[in_words(error)] += 1
