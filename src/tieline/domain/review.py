"""What a person can decide about an open issue, and what each decision changes. Pure.

A decision goes the way of every change: it is a changeset, and the next look at the record takes it through the table
again. So a CRM value that has moved on since it was shown is never overwritten by a decision about the former one.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from enum import StrEnum
from typing import Any, Protocol

from tieline.domain.board import Board, Known
from tieline.domain.changes import Base, PairState
from tieline.domain.changeset import (
    Changeset,
    ContactChange,
    ContactState,
    FieldChange,
    LedgerOutcome,
    LinkState,
    LinkStatus,
    Source,
    SourceKind,
)
from tieline.domain.facts import Fact
from tieline.domain.fields import DO_NOT_CALL, FieldSpec, Uncoercible
from tieline.domain.identity import become_primary, record_ref
from tieline.domain.merges import Refused
from tieline.domain.pairs import Pair
from tieline.domain.record_issues import close_about
from tieline.domain.sharing import relist_shared
from tieline.domain.statements import pieces, render
from tieline.domain.values import Value, as_text
from tieline.domain.withdrawing import withdraw_statements


class Choice(StrEnum):
    """What a person can say to an open issue."""

    TAKE_CRM = "take_crm"
    KEEP_OURS = "keep_ours"
    CLEAR_DO_NOT_CALL = "clear_do_not_call"
    PICK_PRIMARY = "pick_primary"
    MERGE_CONTACTS = "merge_contacts"
    ACCEPT = "accept"
    EDIT = "edit"
    REPLAY = "replay"
    DISMISS = "dismiss"


class Item(Protocol):
    """An issue, as far as a decision about it goes."""

    @property
    def kind(self) -> str: ...
    @property
    def cause(self) -> str: ...
    @property
    def external_id(self) -> str | None: ...
    @property
    def field_name(self) -> str | None: ...
    @property
    def raw(self) -> Any: ...


_AGAIN = (Choice.REPLAY, Choice.DISMISS)
_ONLY_SEEN = (Choice.DISMISS,)
# A kind that is not named here can be tried again.
_BY_KIND: Mapping[str, tuple[Choice, ...]] = {
    "shared_number": (Choice.PICK_PRIMARY, Choice.DISMISS),
    "merge_proposed": (Choice.MERGE_CONTACTS, Choice.DISMISS),
    "low_confidence": (Choice.ACCEPT, Choice.EDIT, Choice.DISMISS),
    "contradiction": (Choice.ACCEPT, Choice.DISMISS),
    "ambiguous_alias": (Choice.MERGE_CONTACTS, Choice.DISMISS),
    **dict.fromkeys(
        ("audit_repaired", "brake", "credentials", "daily_limit", "difference", "mappings_refused",
         "second_activity", "tenant_mismatch", "undo_incomplete"),
        _ONLY_SEEN,
    ),
}  # fmt: skip
NOT_REPLAYABLE = frozenset(
    {"conflict"} | {kind for kind, choices in _BY_KIND.items() if Choice.REPLAY not in choices}
)


def choices(item: Item) -> tuple[Choice, ...]:
    """What can be decided about it, the most telling first."""
    if item.kind != "conflict":
        return _BY_KIND.get(item.kind, _AGAIN)
    if item.field_name == DO_NOT_CALL:
        return (Choice.CLEAR_DO_NOT_CALL, Choice.KEEP_OURS, Choice.DISMISS)
    return (Choice.TAKE_CRM, Choice.KEEP_OURS, Choice.DISMISS)


def value_cause(tenant_key: str, external_id: str, pair_key: str) -> str:
    """What makes two issues about one pair of a record the same one."""
    return f"value:{tenant_key}:{external_id}:{pair_key}"


def pair_of(item: Item, tenant_key: str, pairs: Sequence[Pair]) -> Pair | None:
    """The pair that a conflict is about, if it is still mapped."""
    causes = {value_cause(tenant_key, item.external_id or "", pair.key): pair for pair in pairs}
    return causes.get(item.cause)


def plan_take_crm(
    contact: ContactState, pair: Pair, remote: Value, source: Source, record: str
) -> Changeset | Refused:
    """The contact takes what the CRM had when the conflict was listed. The next look finds both sides agreed."""
    incoming = pair.to_local(remote)
    if isinstance(incoming, Uncoercible):
        return Refused(f"The CRM's value {as_text(remote)!r} {incoming.reason}.")
    reason = f"conflict decided: the value of record {record} was taken"
    return _edit(contact, pair.field, incoming, source, reason)


def plan_accept_newer(
    contact: ContactState, spec: FieldSpec, raw: Any, source: Source
) -> Changeset | Refused:
    """Of statements that contradict each other the older ones go. `raw` is the issue's, with its `pairs`."""
    old = {Fact(pair["of"], pair["date"]).dated for pair in raw["pairs"]}
    text = as_text(contact.values.get(spec.name))
    parts = pieces(text)
    kept = [index for index, part in enumerate(parts) if part.dated not in old]
    if len(kept) == len(parts):
        return Refused("The older statement is not there any more: dismiss the issue.")
    return _edit(
        contact, spec, render(parts, kept) or None, source, "contradiction decided: the newer stands"
    )


def plan_clear_do_not_call(contact: ContactState, spec: FieldSpec, source: Source) -> Changeset:
    """A person clears `do_not_call` by name; where it is mapped outbound, that is pushed."""
    return _edit(contact, spec, False, source, "cleared by decision of a person")


def plan_keep_ours(
    contact: ContactState, link: LinkState, pair: Pair, remote: Value, tenant_key: str, now_ms: int, who: str
) -> Changeset:
    """The CRM's value, as it was when the conflict was listed, counts as seen and overruled: ours waits to be pushed
    where the pair is mapped outbound.
    """
    state = link.pairs.get(pair.key, PairState())
    # For do_not_call the look has moved the base already; a base that was not set is what makes ours news again.
    agreed = False if pair.field.name == DO_NOT_CALL else state.base.local
    settled = replace(state, base=Base(agreed, remote), held=None)
    blocked = {key: why for key, why in link.blocked.items() if key != pair.key}
    kept = replace(
        link, pairs={**link.pairs, pair.key: settled}, blocked=blocked, dirty=link.status is LinkStatus.OPEN
    )
    theirs = pair.to_local(remote)
    lost = FieldChange(
        pair.field.name,
        contact.values.get(pair.field.name),
        as_text(theirs.raw) if isinstance(theirs, Uncoercible) else theirs,
        Source(SourceKind.CRM, now_ms, record_ref(tenant_key, link.external_id)),
        LedgerOutcome.OVERRULED,
        f"conflict decided: ours was kept, by {who}",
        pair.field.field_id,
    )
    change = ContactChange(contact.contact_id, (lost,), mark_dirty=False)
    return Changeset(tenant_key=tenant_key, contact_changes=(change,), links=(kept,))


def plan_pick_primary(known: Known, tenant_key: str, external_id: str) -> Changeset | Refused:
    """Another of the records with one number speaks for it from now on, and stays so.

    What the old one gave is withdrawn; the new one is read again, and its base starts from that.
    """
    board = Board(known, tenant_key, str)
    chosen = board.links.get(external_id)
    contact_id = None if chosen is None else chosen.contact_id
    if chosen is None or chosen.status is not LinkStatus.SHARED or contact_id is None:
        return Refused(f"Record {external_id} is not one of those that wait for this number.")
    incumbent_id = board.primaries.get(contact_id)
    if incumbent_id is not None:
        incumbent = board.links[incumbent_id]
        withdraw_statements(board, contact_id, incumbent)
        waits = replace(incumbent, status=LinkStatus.SHARED, pairs={}, blocked={}, dirty=False, pinned=False)
        board.put_link(waits)
        close_about(board, incumbent_id)
    become_primary(board, replace(chosen, pinned=True, needs_read=True), contact_id)
    for number in {*chosen.phones[:1], board.contacts[contact_id].phone_number}:
        relist_shared(board, number)
    return board.changeset()


def _edit(contact: ContactState, spec: FieldSpec, value: Value, source: Source, reason: str) -> Changeset:
    old = contact.values.get(spec.name)
    change = FieldChange(spec.name, old, value, source, reason=reason, field_id=spec.field_id)
    return Changeset(contact_changes=(ContactChange(contact.contact_id, (change,), by_person=True),))
