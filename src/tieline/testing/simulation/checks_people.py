"""What must hold of persons, records and conversations when a world is at rest: who is who, and what was logged.

See `checks.py`, whose second half this is.
"""

from collections.abc import Iterator
from typing import Any

from tieline.domain.changeset import LedgerOutcome, LinkStatus, SourceKind
from tieline.domain.fields import DO_NOT_CALL
from tieline.domain.phones import Unusable, normalise
from tieline.testing.simulation import setting
from tieline.testing.simulation.at_rest import AtRest
from tieline.testing.simulation.chronicle import CONTACT, CONVERSATION, RECORD, Mark, marks_in


def apart(rest: AtRest) -> Iterator[str]:
    """No value of one person's record is on another's contact or record."""
    for contact_id, contact in rest.contacts.items():
        for name, value in contact.state.values.items():
            for mark, owner in rest.world.chronicle.owners(marks_in(value)):
                if not _belongs(rest, owner, contact_id) and not _born_with(rest, mark, contact_id):
                    yield f"{name} of {contact_id} is {value!r}, but {mark} is of {owner.kind} {owner.owner}"
    for record_id, fields in rest.world.crm.records().items():
        for name, value in fields.items():
            for mark, owner in rest.world.chronicle.owners(marks_in(value)):
                born = rest.world.chronicle.born.get(record_id, frozenset())
                if mark not in born and not _belongs_in_crm(rest, owner, record_id):
                    yield (
                        f"{name} of {rest.world.name(record_id)} is {value!r}, but {mark} is of {owner.kind} "
                        f"{owner.owner}"
                    )


def _belongs(rest: AtRest, owner: Mark, contact_id: str) -> bool:
    match owner.kind:
        case "r":
            return rest.ties.may_speak_for(owner.owner, contact_id)
        case "p":
            return rest.ties.connected(rest.ties.root(owner.owner), contact_id)
        case "t":
            home = _contact_of(rest, owner.owner)
            return home is not None and rest.ties.connected(home, contact_id)
    return False


def _born_with(rest: AtRest, mark: str, contact_id: str) -> bool:
    """Whether a record of this contact was created by us with that text in it."""
    born = rest.world.chronicle.born.items()
    return any(mark in marks and contact_id in rest.ties.contacts_of(record_id) for record_id, marks in born)


def _belongs_in_crm(rest: AtRest, owner: Mark, record_id: str) -> bool:
    if owner.kind == RECORD and rest.world.chronicle.same_person(owner.owner, record_id):
        return True
    homes = rest.ties.contacts_of(record_id)
    return any(_belongs(rest, owner, home) for home in homes)


def _contact_of(rest: AtRest, conversation_id: str) -> str | None:
    for key, row in rest.world.memory.tables.conversations.items():
        if key[0] == setting.ORG and key[2] == conversation_id and row.contact_id:
            return rest.ties.root(row.contact_id)
    return None


def placed(rest: AtRest) -> Iterator[str]:
    """Each living record is here once: it speaks for its number or waits behind one that does; no dead one does."""
    links, contacts = rest.links, rest.contacts
    speakers = {contact.state.phone_number: link.external_id for link, contact, _ in rest.open_links()}
    for record_id, fields in rest.world.crm.records().items():
        link, shown = links.get(record_id), rest.world.name(record_id)
        number = normalise(fields["phone_number"], "US")
        if link is None:
            yield f"{shown} with {fields['phone_number']} is in the CRM and not here"
        elif isinstance(number, Unusable):
            told = any(row.note.external_id == record_id for row in rest.world.memory.tables.issues.values())
            if not told:
                yield f"{shown} has no usable number ({fields['phone_number']!r}), and no issue says so"
        elif link.status is LinkStatus.OPEN:
            own = contacts[link.contact_id or ""].state.phone_number
            if own != number:
                yield f"{shown} has {number}, but its contact {link.contact_id} has {own}"
        elif link.status is not LinkStatus.SHARED:
            yield f"{shown} lives and has {number}, but its link is {link.status}"
        elif number not in speakers:
            yield f"{shown} waits for {number}, for which nobody speaks"
    for record_id, link in links.items():
        if record_id not in rest.world.crm.records() and link.status in (LinkStatus.OPEN, LinkStatus.SHARED):
            yield f"{rest.world.name(record_id)} is gone from the CRM, but its link is {link.status}"


def logged(rest: AtRest) -> Iterator[str]:
    """Each conversation that was due is logged once, on its own contact's record."""
    world = rest.world
    living = set(world.crm.records())
    for row in world.memory.tables.activities.values():
        key = f"tieline:{row.key.org_id}:{row.key.platform}:{row.key.conversation_id}"
        found = [one for one in world.crm.activities() if _has_key(one.text, key)]
        blocked = row.status in ("blocked", "dropped")
        if len(found) > 1:
            yield f"{row.key.conversation_id} is logged {len(found)} times"
        lives = row.external_id in living and row.external_id not in rest.ties.died
        if not found and not blocked and lives and not world.chronicle.merged:
            yield f"{row.key.conversation_id} is not logged, and nothing says why"
        for one in found:
            homes = {home for record in one.record_ids for home in rest.ties.contacts_of(record)}
            if not any(rest.ties.connected(home, rest.ties.root(row.contact_id)) for home in homes):
                yield f"{row.key.conversation_id} of {row.contact_id} is logged on {one.record_ids}"
    for known, talk in world.memory.tables.conversations.items():
        place = (known[0], world.app.tenant_key, known[1], known[2])
        if not talk.contact_id or not talk.report.ended or place in world.memory.tables.activities:
            continue
        if known[2] in rest.ties.unconnected:
            continue  # Nothing was to be logged anywhere when it was mapped.
        if rest.ties.linked_since(rest.ties.first_home[known[2]], talk.created_at):
            yield f"{known[2]} of {talk.contact_id} was never to be logged, though the contact has a record"


def _has_key(text: str, key: str) -> bool:
    at = text.find(key)
    return at >= 0 and not text[at + len(key) : at + len(key) + 1].isdigit()


def obeyed(rest: AtRest) -> Iterator[str]:
    """`do_not_call` was never loosened but by a person."""
    for row in rest.world.memory.tables.ledger.values():
        change = row.change
        if (
            row.org_id != setting.ORG
            or change.field_name != DO_NOT_CALL
            or change.outcome is LedgerOutcome.OVERRULED
        ):
            continue
        if change.old is True and change.new is not True and change.source.kind is not SourceKind.PERSON:
            who = f"{change.source.kind} {change.source.ref}"
            yield f"do_not_call of {row.contact_id} was lifted by {who}: {change.reason}"


def in_order(rest: AtRest) -> Iterator[str]:
    """A conversation's value did not replace one that a person or another conversation set after its end."""
    before: dict[tuple[str, str], Any] = {}
    for row in rest.world.memory.tables.ledger.values():
        change, place = row.change, (row.contact_id, row.change.field_name)
        if row.org_id != setting.ORG or change.outcome is LedgerOutcome.OVERRULED:
            continue
        former = before.get(place)
        before[place] = change
        if (
            former is None
            or change.field_name == setting.MERGED
            or change.source.kind is not SourceKind.CONVERSATION
        ):
            continue
        ours = former.source.kind in (SourceKind.PERSON, SourceKind.CONVERSATION)
        ended = _ended_ms(rest, change.source.ref)
        if not ours or former.new is None or former.source.ref == change.source.ref or ended is None:
            continue
        if former.source.at_ms > ended and change.field_name != DO_NOT_CALL:
            yield (
                f"{change.field_name} of {row.contact_id}: {change.source.ref} ended before {former.source.kind} "
                f"{former.source.ref} set {former.new!r}, and replaced it by {change.new!r}"
            )


def _ended_ms(rest: AtRest, ref: str) -> int | None:
    for key, talk in rest.world.memory.tables.conversations.items():
        if f"{key[1]}:{key[2]}" == ref and talk.report.ended_at is not None:
            return int(talk.report.ended_at.timestamp() * 1000)
    return None


def no_echo(rest: AtRest) -> Iterator[str]:
    """A value that we wrote to the CRM never came back as the CRM's news."""
    merged = {record_id for pair in rest.world.chronicle.merged for record_id in pair}
    for row in rest.world.memory.tables.ledger.values():
        change = row.change
        if (
            row.org_id != setting.ORG
            or change.source.kind is not SourceKind.CRM
            or change.field_name == setting.MERGED
        ):
            continue
        if change.outcome is not LedgerOutcome.SET:
            continue
        record_id = change.source.ref.partition("@")[0]
        for mark, owner in rest.world.chronicle.owners(marks_in(change.new)):
            if rest.world.chronicle.unknowable(record_id, mark):
                continue
            if owner.kind in (CONTACT, CONVERSATION) and record_id not in rest.ties.moved | merged:
                yield (
                    f"{change.field_name} of {row.contact_id}: {change.new!r} ({mark}, ours) came back from "
                    f"{rest.world.name(record_id)} as news and replaced {change.old!r}"
                )
