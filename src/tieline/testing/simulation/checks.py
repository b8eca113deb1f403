"""What must hold when a world is at rest. Each check gives sentences about what is broken, with both values.

A check compares what Tieline holds with what truly happened (the chronicle) and with what the CRM shows now; it never
believes Tieline about the CRM.
"""

from collections.abc import Callable, Iterator, Mapping

from tieline.domain.changes import Base, PairState
from tieline.domain.changeset import LedgerOutcome
from tieline.domain.fields import DO_NOT_CALL
from tieline.domain.values import ABSENT, Value, as_text
from tieline.testing.simulation import setting
from tieline.testing.simulation.at_rest import AtRest
from tieline.testing.simulation.checks_people import apart, in_order, logged, no_echo, obeyed, placed
from tieline.testing.simulation.chronicle import RECORD, marks_in


def agreed(rest: AtRest) -> Iterator[str]:
    """Both sides agree on every field that is mapped both ways, or an open issue says why not."""
    for link, contact, record in rest.open_links():
        for pair in rest.pairs:
            local, remote = contact.state.values.get(pair.field.name), record.values.get(pair.crm.name)
            if not (pair.inbound and pair.outbound) or pair.same(local, remote):
                continue
            if rest.mapped_later(pair, link, local, remote):
                continue
            if pair.field.name == DO_NOT_CALL and not local and not remote:
                continue
            if not rest.excused(link, pair.field.name):
                yield (
                    f"{pair.field.name} differs: {contact.state.contact_id} has {local!r}, "
                    f"{rest.world.name(link.external_id)} has {remote!r}, and no issue says why"
                )


def remembered(rest: AtRest) -> Iterator[str]:
    """What a link remembers as the CRM's value is the CRM's value, and nothing is on its way."""
    for link, _, record in rest.open_links():
        for pair in rest.pairs:
            state, remote = link.pairs.get(pair.key, PairState()), record.values.get(pair.crm.name)
            if state.base == Base(new=True) or state.base.remote is ABSENT:
                continue
            if rest.excused(link, pair.field.name) or not pair.inbound:
                continue
            if pair.remote_form(state.base.remote) != pair.remote_form(remote):
                yield (
                    f"{rest.world.name(link.external_id)} shows {pair.field.name} = {remote!r}, but the link "
                    f"remembers {state.base.remote!r}"
                )


def pushed(rest: AtRest) -> Iterator[str]:
    """A value of a field that is only written to the CRM is there, unless the CRM's own change came after it."""
    for link, contact, record in rest.open_links():
        for pair in rest.pairs:
            if pair.inbound or rest.excused(link, pair.field.name):
                continue
            local, remote = contact.state.values.get(pair.field.name), record.values.get(pair.crm.name)
            if rest.mapped_later(pair, link, local, remote):
                continue
            # A value that was written for another contact came here by a merge or a change of number: theirs, too.
            home = contact.state.contact_id
            marks = [mark for _, mark in rest.world.chronicle.owners(marks_in(remote))]
            ours = any(mark.kind != RECORD and rest.ties.root(mark.owner) == home for mark in marks)
            if not pair.same(local, remote) and ours and not any(mark.kind == RECORD for mark in marks):
                yield (
                    f"{pair.field.name} of {contact.state.contact_id} is {local!r}, but "
                    f"{rest.world.name(link.external_id)} holds the older {remote!r}"
                )


def kept(rest: AtRest) -> Iterator[str]:
    """What a write of ours replaced in the CRM stands in the ledger, unless it was written inside the window."""
    ledger = [row for row in rest.world.memory.tables.ledger.values() if row.org_id == setting.ORG]
    rows = [row.change for row in ledger]
    texts = " ".join(as_text(change.new) for change in rows)
    chronicle = rest.world.chronicle
    for lost in chronicle.replaced:
        if lost.in_window or lost.field_name in (DO_NOT_CALL, "department"):
            continue
        gone = marks_in(lost.value) - marks_in(lost.by) - marks_in(texts)
        if gone:
            yield (
                f"a rep wrote {lost.value!r} to {lost.field_name} of {rest.world.name(lost.record_id)}; {lost.writer} "
                f"replaced it by {lost.by!r}, and the ledger does not know it"
            )
        cleared = [c for c in rows if c.field_name == lost.field_name and c.new is None]
        # What a rep clears after a merge may be a value that another contact has from the record that was merged away:
        # for the record's own contact the field was empty before, so that nothing of it is overruled.
        link = rest.links.get(lost.record_id)
        home = None if link is None or link.contact_id is None else rest.ties.root(link.contact_id)
        taken = " ".join(
            as_text(row.change.new)
            for row in ledger
            if row.change.outcome is LedgerOutcome.SET and rest.ties.root(row.contact_id) == home
        )
        # A merge keeps what the other side added to a text that was cleared.
        # What a rep took back of ours can look as if ours had never come, when its answer was lost: nobody can tell.
        known = {
            mark for mark in marks_in(lost.prior) & marks_in(taken) if chronicle.marks[mark].kind == RECORD
        }
        if lost.value is None and known and not cleared and lost.field_name != setting.MERGED:
            yield (
                f"a rep cleared {lost.field_name} of {rest.world.name(lost.record_id)}; {lost.writer} "
                f"wrote {lost.by!r} over it, and the ledger does not know it"
            )


def explained(rest: AtRest) -> Iterator[str]:
    """The newest standing row of the ledger is the value that stands."""
    last: dict[tuple[str, str], Value] = {}
    for row in rest.world.memory.tables.ledger.values():
        if row.org_id == setting.ORG and row.change.outcome is not LedgerOutcome.OVERRULED:
            last[row.contact_id, row.change.field_name] = row.change.new
    for contact_id, contact in rest.contacts.items():
        names = {*contact.state.values, *(name for owner, name in last if owner == contact_id)}
        for name in sorted(names):
            value, told = contact.state.values.get(name), last.get((contact_id, name))
            if value != told:
                yield f"{name} of {contact_id} is {value!r}, but the ledger's newest row says {told!r}"


CHECKS: Mapping[str, Callable[[AtRest], Iterator[str]]] = {
    "agreement": agreed,
    "memory of the CRM": remembered,
    "pushed": pushed,
    "nothing vanished": kept,
    "the ledger explains": explained,
    "persons apart": apart,
    "records in place": placed,
    "activities": logged,
    "do-not-call": obeyed,
    "conversations in order": in_order,
    "no echo": no_echo,
}
