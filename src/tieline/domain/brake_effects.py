"""What a plan would do to contacts and records, as the brake counts it. Pure; decides nothing.

The first read of a pair is its first import, and counts no more than that of an organisation: whoever mapped the
field has asked for it.
"""

from collections.abc import Iterator, Mapping, Sequence

from tieline.domain.board import Known
from tieline.domain.brake import BrakeKind, Effect
from tieline.domain.changes import PairState
from tieline.domain.changeset import (
    Changeset,
    ContactChange,
    ContactState,
    FieldChange,
    LedgerOutcome,
    LinkState,
    LinkStatus,
)
from tieline.domain.look import refused_before
from tieline.domain.mapping import Pair
from tieline.domain.values import ABSENT, is_empty

_GONE = (LinkStatus.DELETED, LinkStatus.MISSING)


def inbound_effects(plan: Changeset, known: Known, pairs: Sequence[Pair]) -> list[Effect]:
    """What a plan for records of the CRM would do here. `known` is what the plan was made from."""
    by_field = {pair.field.name: pair for pair in pairs if pair.inbound}
    effects = [
        Effect(
            BrakeKind.CONTACTS_CREATED, new.phone_number, contact_id=new.contact_id, after=new.phone_number
        )
        for new in plan.new_contacts
    ]
    for change in plan.contact_changes:
        effects += _of_contact(change, known, by_field)
    gone = {link.external_id for link in plan.links if link.status in _GONE}
    return effects + missing_effects({ext: known.links[ext] for ext in sorted(gone) if ext in known.links})


def missing_effects(links: Mapping[str, LinkState]) -> list[Effect]:
    """What it would do to take these records, as they are known, for gone."""
    return [
        Effect(
            BrakeKind.RECORDS_GONE, external_id, external_id, link.contact_id, before=link.status.value, after="gone"
        )
        for external_id, link in links.items()
        if link.status is LinkStatus.OPEN
    ]  # fmt: skip


def _of_contact(change: ContactChange, known: Known, by_field: Mapping[str, Pair]) -> Iterator[Effect]:
    external_id = known.primaries.get(change.contact_id)
    link = known.links.get(external_id) if external_id else None
    standing = [one for one in change.changes if one.outcome is not LedgerOutcome.OVERRULED]
    counted = [one for one in standing if not _first_of_pair(one, link, by_field)]
    if counted or change.phone_number is not None:
        one = counted[0] if counted else None
        number = known.contacts.get(change.contact_id)
        yield Effect(
            BrakeKind.CONTACTS_CHANGED, change.contact_id, external_id, change.contact_id,
            one.field_name if one else "phone_number",
            one.old if one else number.phone_number if number else None,
            one.new if one else change.phone_number,
        )  # fmt: skip
    for one in counted:
        if is_empty(one.new) and not is_empty(one.old):
            yield Effect(
                BrakeKind.CONTACTS_BLANKED, change.contact_id, external_id, change.contact_id, one.field_name,
                one.old, one.new,
            )  # fmt: skip
            return


def _first_of_pair(change: FieldChange, link: LinkState | None, by_field: Mapping[str, Pair]) -> bool:
    pair = by_field.get(change.field_name)
    if pair is None or link is None or is_empty(change.new):
        return False
    base = link.pairs.get(pair.key, PairState()).base
    return base.new or base.remote is ABSENT


def outbound_effects(
    links: Sequence[LinkState], contacts: Mapping[str, ContactState], pairs: Sequence[Pair]
) -> list[Effect]:
    """What pushing these links may do to their records, by what is held here alone: no more than this is written."""
    effects: list[Effect] = []
    writing = [pair for pair in pairs if pair.outbound]
    for link in links:
        contact = contacts.get(link.contact_id or "")
        if contact is not None and link.status is LinkStatus.OPEN:
            effects += _of_record(link, contact, writing)
    return effects


def _of_record(link: LinkState, contact: ContactState, pairs: Sequence[Pair]) -> Iterator[Effect]:
    waiting = [pair for pair in pairs if _waits(link, contact, pair)]
    if not waiting:
        return
    emptied = next((pair for pair in waiting if _empties(link, contact, pair)), None)
    yield _record_effect(BrakeKind.RECORDS_CHANGED, link, contact, waiting[0])
    if emptied is not None:
        yield _record_effect(BrakeKind.RECORDS_BLANKED, link, contact, emptied)


def _record_effect(kind: BrakeKind, link: LinkState, contact: ContactState, pair: Pair) -> Effect:
    remote = link.pairs.get(pair.key, PairState()).base.remote
    return Effect(
        kind, link.external_id, link.external_id, contact.contact_id, pair.field.name,
        None if remote is ABSENT else remote, contact.values.get(pair.field.name),
    )  # fmt: skip


def _waits(link: LinkState, contact: ContactState, pair: Pair) -> bool:
    state = link.pairs.get(pair.key, PairState())
    local = contact.values.get(pair.field.name)
    if pair.local_form(local) == pair.local_form(state.base.local):
        return False
    if any(pair.local_form(local) == pair.local_form(sent.local) for sent in state.in_flight):
        return False
    return not refused_before(link, pair, local)


def _empties(link: LinkState, contact: ContactState, pair: Pair) -> bool:
    remote = link.pairs.get(pair.key, PairState()).base.remote
    return is_empty(contact.values.get(pair.field.name)) and remote is not ABSENT and not is_empty(remote)
