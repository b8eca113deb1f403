"""What an undo is asked to take back on one contact, and what it answers, as values. Decides nothing."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from tieline.domain.analysed import Analysed, Application, Contributed
from tieline.domain.changeset import Changeset, ContactState, Source
from tieline.domain.undo_history import Entry, History
from tieline.domain.undo_links import Restored
from tieline.domain.values import Value


@dataclass(frozen=True, slots=True)
class Talk:
    """A conversation whose contribution goes: its applications that are concerned, and what others contributed.

    `whole`: it is undone altogether, so that nothing of it is ever applied again.
    """

    said: Analysed
    applications: Sequence[Application]
    others: Sequence[Contributed] = ()
    whole: bool = False


@dataclass(frozen=True, slots=True)
class Former:
    """An application of the conversation `ref`, and its other outcome: what it was before, or is to be."""

    ref: str
    application: Application
    outcome: str = ""


@dataclass(frozen=True, slots=True)
class ToUndo:
    """What is to be undone on a contact: the entries that `chosen` says, and conversations.

    `redo`: the id of an undo that is itself undone; `formers` are the applications that it changed, as they are now,
    with what they were before. `whole_values`: entries are taken
    back as they are, also in notes, where nothing stands on them.
    """

    contact: ContactState
    histories: Mapping[str, History]
    chosen: Callable[[Entry], bool]
    talks: Sequence[Talk] = ()
    redo: str | None = None
    formers: Sequence[Former] = ()
    whole_values: bool = False


@dataclass(frozen=True, slots=True)
class Orders:
    """Who undoes and as of when, the words for the ledger, and whether `do_not_call` may be cleared."""

    by: Source
    reason: str
    clear_do_not_call: bool = False


@dataclass(frozen=True, slots=True)
class Line:
    """A field of a contact: what was there, what is there now, and `why` it stays, if it does."""

    contact_id: str
    field_name: str
    was: Value
    now: Value
    why: str = ""


@dataclass(frozen=True, slots=True)
class UndoPlan:
    """`changeset` changes the contact alone; `applications` are as they are to be, with the outcome that they had."""

    changeset: Changeset
    restored: Sequence[Restored] = ()
    applications: Sequence[Former] = ()
    undone: Sequence[Line] = ()
    kept: Sequence[Line] = ()
