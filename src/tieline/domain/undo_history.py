"""The history of one field of one contact, as an undo reads it: what stands on what, undone changes left out. Pure."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from tieline.domain.changeset import Source, SourceKind
from tieline.domain.values import Value

NOBODY: Final = Source(SourceKind.RULE, 0)
"""By whom an empty field stands that nobody ever filled."""


@dataclass(frozen=True, slots=True)
class Entry:
    """A change of the field that was carried out. `stands`: by whom the new value stands.

    `took_back` is None for a change; for an undo the entries that it took back, none for one that changed a text.
    """

    entry_id: int
    field_name: str
    old: Value
    new: Value
    stands: Source
    run_id: str | None = None
    took_back: frozenset[int] | None = None
    by: str = ""

    @property
    def is_undo(self) -> bool:
        """Whether it is an undo's."""
        return self.took_back is not None


def entry(
    entry_id: int, field_name: str, old: Value, new: Value, source: Source, run_id: str | None,
    evidence: Mapping[str, Any] | None,
) -> Entry:  # fmt: skip
    """An entry of what the ledger keeps."""
    undo = (evidence or {}).get("undo")
    by = f"{source.kind.value} {source.ref}".rstrip()
    if undo is None:
        return Entry(entry_id, field_name, old, new, source, run_id, None, by)
    kind, at_ms, ref = undo["stands"]
    stands = Source(SourceKind(kind), at_ms, ref)
    return Entry(
        entry_id, field_name, old, new, stands, run_id, frozenset(undo["took_back"]), f"undo {run_id}"
    )


def evidence_of(stands: Source, took_back: Iterable[int]) -> dict[str, Any]:
    """What the ledger keeps with an undo's entry; `entry` reads it."""
    return {"undo": {"took_back": sorted(took_back), "stands": [stands.kind.value, stands.at_ms, stands.ref]}}


class History:
    """`standing`: the changes that made the value what it is, each on top of the one before; what was undone is not
    among them.
    """

    def __init__(self, entries: Sequence[Entry]) -> None:
        """`entries`: of one field, in order, without those that did not stand."""
        self.entries = tuple(entries)
        self.standing: tuple[Entry, ...] = ()
        self._before: dict[int, tuple[Entry, ...]] = {}
        for one in self.entries:
            self._before[one.entry_id] = self.standing
            if one.took_back:
                self.standing = self._before.get(min(one.took_back), self.standing)
            else:
                self.standing = (*self.standing, one)

    @property
    def last(self) -> Entry | None:
        """The newest entry, an undo's as well."""
        return self.entries[-1] if self.entries else None

    def below(self, entry_id: int) -> Source:
        """By whom stood what was there before that entry."""
        before = self._before[entry_id]
        return before[-1].stands if before else NOBODY

    def top(self, chosen: Callable[[Entry], bool]) -> tuple[Entry, ...]:
        """Those chosen on which nothing else stands, the newest first."""
        taken: list[Entry] = []
        for one in reversed(self.standing):
            if not chosen(one):
                break
            taken.append(one)
        return tuple(taken)
