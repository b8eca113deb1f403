"""Whether a contact without a record gets one, what the record is created with, and the link that then opens. Pure.

A record is only ever created for a number that no living record shows. This module must never let a placeholder for a
missing name come back as the contact's own name.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, TypeAlias

from tieline.domain.board import Board
from tieline.domain.changeset import (
    ContactState,
    FieldChange,
    LedgerOutcome,
    LinkState,
    LinkStatus,
    Source,
    SourceKind,
)
from tieline.domain.crm_schema import CrmSchema
from tieline.domain.fields import Uncoercible
from tieline.domain.identity import record_ref
from tieline.domain.mapping import MappingSet, Pair
from tieline.domain.pair_state import Base, PairState, Sent, agreed
from tieline.domain.phones import normalise
from tieline.domain.plan_inbound import numbers_of
from tieline.domain.records import RemoteRecord
from tieline.domain.values import ABSENT, Value, is_empty

FIRST_NAME, LAST_NAME = "first_name", "last_name"


@dataclass(frozen=True, slots=True)
class CreationRules:
    """The settings of one app. `name_fields` are the CRM's fields for first and last name ('' where it has none);
    `placeholder` is the app's name for somebody without one; its number is taken where there is none.
    """

    mapping: MappingSet
    schema: CrmSchema
    tenant_key: str
    region: str
    name_fields: tuple[str, str]
    placeholder: str | None = None


@dataclass(frozen=True, slots=True)
class HadRecord:
    """The contact had a record in this tenant, which is gone or was closed: a person decides."""

    link: LinkState


@dataclass(frozen=True, slots=True)
class RecordMissing:
    """Its record was not found under its id; a sweep must say first what became of it."""


@dataclass(frozen=True, slots=True)
class HeldHere:
    """Records that we have read show the number already."""

    external_ids: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class NobodyHere:
    """No record that we have read shows the number: the CRM is asked."""


Standing: TypeAlias = HadRecord | RecordMissing | HeldHere | NobodyHere


@dataclass(frozen=True, slots=True)
class SentValue:
    """What a create says for one pair: our value then, and the CRM's. For a placeholder there is none of ours."""

    local: Value
    remote: Value


@dataclass(frozen=True, slots=True)
class NewRecord:
    """A record to be created: CRM values by CRM field, and by pair key what both sides then agree on."""

    number: str
    values: Mapping[str, Value] = field(default_factory=dict)
    sent: Mapping[str, SentValue] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        """As the intent keeps it."""
        pairs = {key: [value.local, value.remote] for key, value in self.sent.items()}
        return {"number": self.number, "values": dict(self.values), "sent": pairs}


def intent_from_json(data: Mapping[str, Any]) -> NewRecord:
    """The reverse of `NewRecord.to_json`."""
    sent = {key: SentValue(local, remote) for key, (local, remote) in data.get("sent", {}).items()}
    return NewRecord(data["number"], data.get("values", {}), sent)


def in_flight(made: NewRecord, sent_ms: int) -> dict[str, PairState]:
    """What a create, whose answer was lost, sent for each pair: our own words, wherever its record turns up."""
    return {
        key: PairState(in_flight=(Sent(value.local, value.remote, sent_ms),))
        for key, value in made.sent.items()
    }


def standing(number: str, ties: Sequence[LinkState], holders: Sequence[LinkState], region: str) -> Standing:
    """What our own store says of a contact without an open link. `holders` are candidates by number."""
    gone = (LinkStatus.DELETED, LinkStatus.MERGED, LinkStatus.CLOSED)
    if any(tie.status is LinkStatus.MISSING for tie in ties):
        return RecordMissing()
    former = next((tie for tie in ties if tie.status in gone), None)
    if former is not None:
        return HadRecord(former)
    held = tuple(link.external_id for link in holders if _shows(link, number, region))
    return HeldHere(held) if held else NobodyHere()


def with_number(records: Sequence[RemoteRecord], number: str, rules: CreationRules) -> list[str]:
    """The records of which a mapped or fallback phone field holds this very number, however it is written."""
    return [
        record.external_id
        for record in records
        if rules.mapping.phone_field in record.values
        and number in numbers_of(record, rules.mapping, rules.region).usable
    ]


def plan_record(contact: ContactState, rules: CreationRules) -> NewRecord:
    """The record as it is to be created: phone in E.164, what is mapped outbound, and a name.

    A value that the CRM cannot hold is left out: the push that follows says so.
    """
    values: dict[str, Value] = {rules.mapping.phone_field: contact.phone_number}
    sent: dict[str, SentValue] = {}
    for pair in rules.mapping.pairs:
        local = contact.values.get(pair.field.name)
        if not pair.outbound or not pair.crm.createable or is_empty(local):
            continue
        remote = pair.to_remote(local)
        if isinstance(remote, Uncoercible) or is_empty(remote):
            continue
        values[pair.crm.name] = remote
        sent[pair.key] = SentValue(local, remote)
    for name, value in _names(contact, rules, values).items():
        values[name] = value
        for pair in rules.mapping.pairs:
            if pair.crm.name == name and pair.key not in sent:
                local = contact.values.get(pair.field.name)
                sent[pair.key] = SentValue(local if pair.same(local, value) else None, value)
    return NewRecord(contact.phone_number, values, sent)


def open_link(
    board: Board, contact_id: str, external_id: str, made: NewRecord, rules: CreationRules, *, now_ms: int,
    sent_ms: int, stamp_ms: int | None,
) -> None:  # fmt: skip
    """The CRM confirmed the create: the link opens, and its base is what was sent.

    If the contact has another record by now, the new one shares its number and the next read lists it. If a read was
    faster, only the placeholder is put right.
    """
    known = board.links.get(external_id)
    if known is not None:
        if known.status is LinkStatus.OPEN and known.contact_id == contact_id:
            forget_placeholders(board, known, made, rules)
        return
    link = LinkState(
        external_id, contact_id, LinkStatus.OPEN, phones=(made.number,), raw_phone=made.number,
        created_ms=stamp_ms or now_ms, stamp_ms=stamp_ms or 0, read_ms=sent_ms, confirmed_write_ms=now_ms,
    )  # fmt: skip
    if contact_id in board.primaries:
        board.put_link(replace(link, status=LinkStatus.SHARED))
        return
    pairs = {
        key: agreed(PairState(), Base(value.local, value.remote, unseen=True), ours=True)
        for key, value in made.sent.items()
    }
    board.put_link(replace(link, pairs=pairs, dirty=_moved_on(board, contact_id, made, rules)))


def forget_placeholders(board: Board, link: LinkState, made: NewRecord, rules: CreationRules) -> None:
    """A read took the record that we made before its link knew what we had sent: a name that only stands in for one is
    taken back from the contact, and agreed on as what the CRM has.
    """
    assert link.contact_id is not None
    pairs = dict(link.pairs)
    contact = board.contacts[link.contact_id]
    ref = record_ref(board.tenant_key, link.external_id)
    for pair in rules.mapping.pairs:
        sent, state = made.sent.get(pair.key), link.pairs.get(pair.key)
        if sent is None or state is None or not is_empty(sent.local) or state.base.remote is ABSENT:
            continue
        source = contact.sources.get(pair.field.name)
        value = contact.values.get(pair.field.name)
        theirs = source is not None and source.kind is SourceKind.CRM and source.ref == ref
        if theirs and source is not None and pair.same(value, sent.remote) and _still(pair, state, sent):
            rule = Source(SourceKind.RULE, source.at_ms, ref)
            board.change_field(
                link.contact_id,
                FieldChange(
                    pair.field.name, value, None, rule, LedgerOutcome.WITHDRAWN,
                    "the name stands in for one that nobody has told", pair.field.field_id,
                ),
            )  # fmt: skip
            pairs[pair.key] = PairState(Base(None, state.base.remote))
    board.put_link(replace(link, pairs=pairs))


def _shows(link: LinkState, number: str, region: str) -> bool:
    return number in link.phones or (
        link.raw_phone is not None and normalise(link.raw_phone, region) == number
    )


def _still(pair: Pair, state: PairState, sent: SentValue) -> bool:
    remote = state.base.remote
    return remote is not ABSENT and pair.remote_form(remote) == pair.remote_form(sent.remote)


def _moved_on(board: Board, contact_id: str, made: NewRecord, rules: CreationRules) -> bool:
    """Whether there is something to push: what changed while the create was under way, or could not be sent with it."""
    for pair in rules.mapping.pairs:
        if not pair.outbound:
            continue
        local = board.value(contact_id, pair.field.name)
        sent = made.sent.get(pair.key)
        if pair.local_form(local) != pair.local_form(None if sent is None else sent.local):
            return True
    return False


def _names(contact: ContactState, rules: CreationRules, taken: Mapping[str, Value]) -> dict[str, Value]:
    """Values of the name fields that no mapping fills. A CRM that demands a name gets one, whatever it is."""
    first_field, last_field = rules.name_fields
    first = _fitting(contact.values.get(FIRST_NAME), first_field, rules)
    last = _fitting(contact.values.get(LAST_NAME), last_field, rules)
    named = taken.get(first_field, first)
    last_crm = rules.schema.get(last_field)
    if last is None and last_crm is not None and (last_crm.required or is_empty(named)):
        last = _fitting(rules.placeholder, last_field, rules) or contact.phone_number
    found = {first_field: first, last_field: last}
    return {name: value for name, value in found.items() if value is not None and name not in taken}


def _fitting(value: Value, name: str, rules: CreationRules) -> str | None:
    """The text, if the CRM has that field, lets us fill it and has room for all of it."""
    crm = rules.schema.get(name)
    if crm is None or not crm.createable or not isinstance(value, str) or is_empty(value):
        return None
    return value if crm.max_length is None or len(value) <= crm.max_length else None
