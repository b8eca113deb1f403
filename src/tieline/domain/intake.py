"""What is known of a conversation, from any platform, and how a further report of it adds to that.

Reports come late, twice and in any order. What is known only gets richer: a report of an earlier stage fills
gaps and replaces nothing. This module must never guess a number.
"""

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from datetime import datetime
from typing import Any, Final

from tieline.domain.phones import Unusable, normalise

STAGES: Final[Mapping[str, int]] = {
    "registered": 0,
    "ongoing": 1,
    "not_connected": 2,
    "ended": 2,
    "error": 2,
    "analyzed": 3,
}
"""How far a conversation has come, by status. From 2 on it has ended."""

_ENDED: Final = 2


@dataclass(frozen=True, slots=True)
class Report:
    """A conversation as far as it is known. None: not known.

    `has_number` says that one side is a contact's usable number. `contact_id` is set when the platform named
    it. `analysis_version` is the hash of `analysis`, which has presets and custom data by name.
    """

    platform: str
    conversation_id: str
    type: str
    status: str
    direction: str | None = None
    has_number: bool = False
    from_number: str | None = None
    to_number: str | None = None
    contact_id: str | None = None
    agent_id: str | None = None
    agent_version: str | None = None
    started_at: datetime | None = None
    ended_at: datetime | None = None
    duration_ms: int | None = None
    disconnection_reason: str | None = None
    sentiment: str | None = None
    successful: bool | None = None
    summary: str | None = None
    transcript: str | None = None
    analysis: Mapping[str, Any] | None = None
    analysis_version: str | None = None
    metadata: Mapping[str, Any] | None = None

    @property
    def ended(self) -> bool:
        """Whether there is something to map and to log."""
        return STAGES[self.status] >= _ENDED

    @property
    def other_number(self) -> str | None:
        """The contact's side: the caller's number on inbound, else the one that was dialled."""
        return self.from_number if self.direction == "inbound" else self.to_number


@dataclass(frozen=True, slots=True)
class Announcement:
    """A chat that a platform announced before it had an id."""

    agent_id: str
    from_number: str
    to_number: str


_FIXED = (
    "platform",
    "conversation_id",
    "type",
    "status",
    "has_number",
    "direction",
    "from_number",
    "to_number",
)
_TOGETHER = ("analysis", "analysis_version")


def merge(known: Report, report: Report) -> Report:
    """What is known after one more report.

    A report of an earlier stage than what is known only fills gaps.
    """
    older = STAGES[report.status] < STAGES[known.status]
    first, second = (known, report) if older else (report, known)
    open_members = [f.name for f in fields(Report) if f.name not in (*_FIXED, *_TOGETHER)]
    members: dict[str, Any] = {
        name: value if (value := getattr(first, name)) is not None else getattr(second, name)
        for name in open_members
    }
    # Who took part cannot change; the first report that knows it says it as a whole.
    parties = known if known.has_number or not report.has_number else report
    said = first if first.analysis is not None else second
    # A contact that was found stays, whatever a later report names.
    members["contact_id"] = known.contact_id or report.contact_id
    return replace(
        known,
        **members,
        status=first.status,
        has_number=parties.has_number,
        direction=parties.direction or known.direction or report.direction,
        from_number=parties.from_number,
        to_number=parties.to_number,
        analysis=said.analysis,
        analysis_version=said.analysis_version,
    )


def with_numbers(report: Report, from_number: str | None, to_number: str | None, region: str) -> Report:
    """The report with its numbers in E.164 where they are usable. An unusable one is kept as it came."""
    report = replace(report, from_number=_e164(from_number, region), to_number=_e164(to_number, region))
    return replace(report, has_number=_usable(report.other_number, region))


def with_other_number(report: Report, number: str, region: str) -> Report:
    """The report with the contact's number, when the platform says no more.

    Without a direction it was inbound.
    """
    if report.direction == "outbound":
        return with_numbers(report, report.from_number, number, region)
    return with_numbers(replace(report, direction="inbound"), number, report.to_number, region)


def _e164(raw: str | None, region: str) -> str | None:
    number = normalise(raw, region)
    return (raw or None) if isinstance(number, Unusable) else number


def _usable(raw: str | None, region: str) -> bool:
    return not isinstance(normalise(raw, region), Unusable)
