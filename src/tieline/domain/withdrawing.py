"""What a record gave a contact, taken back when it no longer speaks for it: no value of one person's record may reach
another's. What conversations and people said stays, and so does `do_not_call`, which only a person clears.
"""

from collections.abc import Callable, Iterable
from dataclasses import replace

from tieline.domain.board import Board
from tieline.domain.changeset import FieldChange, LedgerOutcome, LinkState, Source, SourceKind
from tieline.domain.fields import DO_NOT_CALL
from tieline.domain.merging import without
from tieline.domain.statements import statements


def record_ref(tenant_key: str, external_id: str) -> str:
    """How a source names a record: ids of two tenants can be equal."""
    return f"{external_id}@{tenant_key}"


def withdraw_others(board: Board, contact_id: str, external_id: str) -> None:
    """Takes back what other records of this tenant gave the contact, so that none of it reaches the new one.

    A record that the CRM merged into the new one is no other.
    """
    records = board.records_of(contact_id)
    own = merged_into(external_id, records)
    refs, suffix = {record_ref(board.tenant_key, one) for one in own}, f"@{board.tenant_key}"
    for link in records:
        if link.external_id not in own:
            withdraw_statements(board, contact_id, link)
            board.put_link(replace(link, pairs={}))
            if len(link.phones) > 1:
                board.drop_aliases(contact_id, link.phones[1:])
    withdraw_values(board, contact_id, lambda ref: ref.endswith(suffix) and ref not in refs)


def merged_into(external_id: str, records: Iterable[LinkState]) -> set[str]:
    """The record and, of these, all that the CRM merged into it."""
    into = {link.external_id: link.merged_into for link in records}
    own = {external_id}
    while more := {one for one, survivor in into.items() if survivor in own} - own:
        own |= more
    return own


def withdraw_values(board: Board, contact_id: str, given_by: Callable[[str], bool]) -> None:
    """Empties the fields whose value stands as such a record gave it. `do_not_call` stays: only a person clears it."""
    contact = board.contacts[contact_id]
    for name, source in list(contact.sources.items()):
        value = contact.values.get(name)
        if (
            source.kind is not SourceKind.CRM
            or not given_by(source.ref)
            or value is None
            or name == DO_NOT_CALL
        ):
            continue
        record = source.ref.removesuffix(f"@{board.tenant_key}")
        _withdraw(board, contact_id, name, None, source.at_ms, record)


def withdraw_statements(board: Board, contact_id: str, link: LinkState) -> None:
    """Takes a record's own statements out of texts that conversations were merged into since."""
    contact = board.contacts[contact_id]
    for key, state in link.pairs.items():
        name, given = key.partition("|")[0], state.given
        value, source = contact.values.get(name), contact.sources.get(name)
        merged = isinstance(value, str) and isinstance(given, str) and value != given
        if not merged or source is None or source.kind is SourceKind.CRM:
            continue
        assert isinstance(value, str)
        assert isinstance(given, str)
        rest = without(value, statements(given))
        if rest != value:
            _withdraw(board, contact_id, name, rest or None, source.at_ms, link.external_id)


def _withdraw(board: Board, contact_id: str, name: str, rest: str | None, at_ms: int, record: str) -> None:
    contact = board.contacts[contact_id]
    rule = Source(SourceKind.RULE, at_ms, record_ref(board.tenant_key, record))
    reason = f"{record} is no longer this contact's record"
    change = FieldChange(name, contact.values[name], rest, rule, LedgerOutcome.WITHDRAWN, reason)
    board.change_field(contact_id, change)
