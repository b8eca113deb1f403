"""The brake: how much one run may do before a person must agree. Pure: counts in, a verdict out.

It counts distinct contacts and records, so that a page read twice, or cut otherwise, counts the same. It never decides
what a value should be, and never forgets a count within a run.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any, Final, TypeAlias

from tieline.domain.values import Value

SMALL: Final = 50
"""A share never stops fewer than this many: one of three contacts is no mass change."""
SAMPLED: Final = 10


class BrakeKind(StrEnum):
    """What is counted. `contacts_*` and `records_gone` are read from the CRM; the others are written to it.

    `contacts_blanked` are contacts of which some field becomes empty, and `records_gone` records that a contact was
    linked to and that the CRM no longer has, or no longer shows.
    """

    CONTACTS_CREATED = "contacts_created"
    CONTACTS_CHANGED = "contacts_changed"
    CONTACTS_BLANKED = "contacts_blanked"
    RECORDS_GONE = "records_gone"
    RECORDS_CREATED = "records_created"
    RECORDS_CHANGED = "records_changed"
    RECORDS_BLANKED = "records_blanked"


class BrakeFlow(StrEnum):
    """What waits when the brake stops it. Each waits for itself: the others go on."""

    FULL = "full"
    CHANGES = "changes"
    REMOVALS = "removals"
    AUDIT = "audit"
    CALCULATED = "calculated"
    PUSH = "push"
    CREATING = "creating"


class BrakeStatus(StrEnum):
    """`stopped` and `rejected` wait; `confirmed` may go on, once and as far as was shown."""

    STOPPED = "stopped"
    CONFIRMED = "confirmed"
    REJECTED = "rejected"


@dataclass(frozen=True, slots=True)
class Limit:
    """The most of one kind: a number, and a share of the linked contacts (0 to 1); None does not limit."""

    number: int | None = None
    share: float | None = None

    def of(self, known: int) -> int | None:
        """The most that goes through with that many linked contacts; None: any number."""
        limits = [] if self.number is None else [self.number]
        if self.share is not None:
            limits.append(max(SMALL, int(self.share * known)))
        return min(limits, default=None)

    @property
    def surely(self) -> int | None:
        """The most that goes through however few contacts are linked."""
        return self.of(0)


DEFAULTS: Final[Mapping[BrakeKind, Limit]] = {
    BrakeKind.CONTACTS_CREATED: Limit(10_000, 0.5),
    BrakeKind.CONTACTS_CHANGED: Limit(10_000, 0.3),
    BrakeKind.CONTACTS_BLANKED: Limit(1_000, 0.1),
    BrakeKind.RECORDS_GONE: Limit(1_000, 0.2),
    BrakeKind.RECORDS_CREATED: Limit(500, 0.2),
    BrakeKind.RECORDS_CHANGED: Limit(5_000, 0.3),
    BrakeKind.RECORDS_BLANKED: Limit(500, 0.1),
}
OFF: Final = Limit()


@dataclass(frozen=True, slots=True)
class BrakeLimits:
    """The limits of one app."""

    by_kind: Mapping[BrakeKind, Limit] = field(default_factory=lambda: DEFAULTS)

    def of(self, kind: BrakeKind) -> Limit:
        """The limit of one kind."""
        return self.by_kind.get(kind, OFF)

    def surely_fine(self, counts: Mapping[BrakeKind, int]) -> bool:
        """Whether that many go through whatever the size of the organisation."""
        return all((most := self.of(kind).surely) is None or n <= most for kind, n in counts.items())


def brake_limits(settings: Any) -> BrakeLimits:
    """The limits of an app whose `crm_config.brake` this is (see `domain.brake_settings`)."""
    if settings is False:
        return BrakeLimits({})
    given = settings if isinstance(settings, Mapping) else {}
    return BrakeLimits({kind: _limit(given.get(kind.value), usual) for kind, usual in DEFAULTS.items()})


def _limit(given: Any, usual: Limit) -> Limit:
    if given is False:
        return OFF
    if not isinstance(given, Mapping):
        return usual
    number, share = given.get("number", usual.number), given.get("share", usual.share)
    return Limit(None if number is None else int(number), None if share is None else float(share))


@dataclass(frozen=True, slots=True)
class Effect:
    """One thing that a plan would do. `key` makes two of them the same one; the rest is for people to look at."""

    kind: BrakeKind
    key: str
    external_id: str | None = None
    contact_id: str | None = None
    field_name: str | None = None
    before: Value = None
    after: Value = None


class Tally:
    """What a run would do, and did before (`before`: committed by earlier attempts at it). Mutable for one run."""

    def __init__(self, before: Mapping[BrakeKind, int] | None = None) -> None:
        self._before = dict(before or {})
        self._keys: dict[BrakeKind, set[str]] = {}
        self._sample: dict[BrakeKind, list[Effect]] = {}

    def add(self, effects: Iterable[Effect]) -> None:
        """Counts effects; one that was counted already changes nothing."""
        for effect in effects:
            keys = self._keys.setdefault(effect.kind, set())
            if effect.key in keys:
                continue
            keys.add(effect.key)
            sample = self._sample.setdefault(effect.kind, [])
            if len(sample) < SAMPLED:
                sample.append(effect)

    @property
    def counts(self) -> dict[BrakeKind, int]:
        """How many of each kind."""
        kinds = (kind for kind in BrakeKind if kind in self._keys or self._before.get(kind))
        return {kind: self._before.get(kind, 0) + len(self._keys.get(kind, ())) for kind in kinds}

    def sample(self, kinds: Iterable[BrakeKind]) -> tuple[Effect, ...]:
        """The first effects of these kinds, the rarest kind's in front."""
        wanted = sorted(kinds, key=lambda kind: len(self._keys.get(kind, ())))
        return tuple(effect for kind in wanted for effect in self._sample.get(kind, ()))[:SAMPLED]


@dataclass(frozen=True, slots=True)
class Exceeded:
    """One kind that passed its limit."""

    kind: BrakeKind
    count: int
    limit: int


@dataclass(frozen=True, slots=True)
class Go:
    """Nothing passed its limit. `allowed`: only because a person had agreed to that much."""

    allowed: bool = False


@dataclass(frozen=True, slots=True)
class Stop:
    """What passed its limit, of how many linked contacts, and some of it."""

    exceeded: tuple[Exceeded, ...]
    known: int
    sample: tuple[Effect, ...] = ()


Verdict: TypeAlias = Go | Stop


def decide(
    counts: Mapping[BrakeKind, int],
    known: int,
    limits: BrakeLimits,
    confirmed: Mapping[BrakeKind, int] | None = None,
) -> Verdict:
    """Whether so much may be done to an organisation with `known` linked contacts.

    `confirmed` is how far a person has agreed to go, by kind; a kind that is not in it keeps its ordinary limit.
    """
    over = []
    for kind in BrakeKind:
        count, limit = counts.get(kind, 0), limits.of(kind).of(known)
        if limit is not None and count > limit:
            over.append(Exceeded(kind, count, limit))
    agreed = confirmed or {}
    refused = [one for one in over if one.count > agreed.get(one.kind, 0)]
    return Stop(tuple(over), known) if refused else Go(allowed=bool(over))


def agreed_to(shown: int) -> int:
    """How far a confirmation of that many goes: a tenth more, since the CRM does not stand still."""
    return shown + -(-shown // 10)


@dataclass(frozen=True, slots=True)
class Brake:
    """A stop, as it is kept. `shown` is what a person sees, by kind; `settings` the app's limits at that time.

    `expires_at` ends a confirmation. `run_id` is the run that was stopped, '' where the flow has none.
    """

    org_id: str
    brake_id: str
    app_id: str
    flow: BrakeFlow
    status: BrakeStatus
    shown: Mapping[BrakeKind, tuple[int, int]]
    known: int
    sample: tuple[Mapping[str, Any], ...] = ()
    settings: Any = None
    run_id: str = ""
    stopped_at: datetime | None = None
    seen_at: datetime | None = None
    decided_at: datetime | None = None
    decided_by: str | None = None
    note: str | None = None
    expires_at: datetime | None = None
    ended_at: datetime | None = None
    ended_because: str | None = None

    def agreed(self, now: datetime) -> Mapping[BrakeKind, int]:
        """How far a person has agreed to go: nothing unless confirmed, and no longer than that holds."""
        holds = self.ended_at is None and self.expires_at is not None and now < self.expires_at
        if self.status is not BrakeStatus.CONFIRMED or not holds:
            return {}
        return {kind: agreed_to(count) for kind, (count, _) in self.shown.items()}

    def rests(self, settings: Any) -> bool:
        """Whether a person wants it to stay as it is: nobody looks again before the limits are changed."""
        return self.status is BrakeStatus.REJECTED and self.settings == settings

    def covers(self, stop: Stop) -> bool:
        """Whether what was shown is no less than this, give or take a tenth."""
        return all(
            one.kind in self.shown and one.count <= agreed_to(self.shown[one.kind][0])
            for one in stop.exceeded
        )
