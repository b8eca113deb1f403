"""A run, a conversation or a field undone on one contact: what changes, and what does not and why. Pure.

A value is taken back only where nothing else stands on it. A conversation's statements leave a note also when others
came after them. Nothing here ever deletes anything, and `do_not_call` is only cleared when that was asked for by name.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from tieline.domain.analysed import UNDONE, WHOLE, AnalysisRules, Application, Contributed
from tieline.domain.analysis_desk import Desk, is_note
from tieline.domain.analysis_mapping import AnalysisMapping
from tieline.domain.board import Board, Known
from tieline.domain.changeset import FieldChange, LedgerOutcome, Source, SourceKind
from tieline.domain.facts import Contribution, Moment, Said
from tieline.domain.fields import DO_NOT_CALL, MAX_TEXT, Uncoercible, coerce
from tieline.domain.plan_combined import without
from tieline.domain.taking_back import take_back
from tieline.domain.undo_history import NOBODY, Entry, History, evidence_of
from tieline.domain.undo_links import Restored
from tieline.domain.undo_terms import Former as Former
from tieline.domain.undo_terms import Line as Line
from tieline.domain.undo_terms import Orders as Orders
from tieline.domain.undo_terms import Talk as Talk
from tieline.domain.undo_terms import ToUndo as ToUndo
from tieline.domain.undo_terms import UndoPlan as UndoPlan
from tieline.domain.update_modes import COMBINING, UpdateMode
from tieline.domain.values import Value, as_text


def plan_undo(asked: ToUndo, rules: AnalysisRules, orders: Orders) -> UndoPlan:
    """Takes back what is asked for. The links follow by `tie_again`."""
    plan = _Plan(asked, rules, orders)
    if asked.redo is not None:
        plan.redo(asked.redo)
    else:
        plan.undo()
    return UndoPlan(
        plan.board.changeset(), tuple(plan.restored.values()), plan.applications,
        plan.undone, tuple(plan.kept.values()),
    )  # fmt: skip


@dataclass
class _Plan:
    asked: ToUndo
    rules: AnalysisRules
    orders: Orders
    restored: dict[str, Restored] = field(default_factory=dict)
    applications: list[Former] = field(default_factory=list)
    undone: list[Line] = field(default_factory=list)
    kept: dict[str, Line] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.board = Board(Known(contacts={self.asked.contact.contact_id: self.asked.contact}), "", str)
        self._gone: set[tuple[str, str, str]] = set()
        self._taken: set[int] = set()

    def undo(self) -> None:
        """Values first, where nothing stands on them; then what conversations put into texts and lists."""
        ours = {a.field_name for t in self.asked.talks for a in t.applications if self._is_part(a)}
        for name, history in self.asked.histories.items():
            if name not in ours or (self.asked.whole_values and not self._combines(name)):
                self._values(name, history, quiet=name in ours)
        for talk in self.asked.talks:
            for one in talk.applications:
                self._application(talk, one)
            if talk.whole:
                self._mark(talk, Application(WHOLE, WHOLE, talk.said.analysis_version, "skipped"))

    def redo(self, run_id: str) -> None:
        """What that undo took back comes again, where nothing was changed since."""
        for name, history in self.asked.histories.items():
            mine = [one for one in history.entries if one.run_id == run_id and one.is_undo]
            last = history.last
            if not mine or last is None:
                continue
            if last.run_id != run_id:
                self._keep(name, f"overtaken by {last.by}")
                continue
            below = history.below(mine[0].entry_id)
            self._restore(name, mine[0].old, below, self.orders.by, [one.entry_id for one in mine])
        for former in self.asked.formers:
            if former.application.field_name not in self.kept:
                again = replace(former.application, outcome=former.outcome)
                self.applications.append(Former(former.ref, again, former.application.outcome))

    def _values(self, name: str, history: History, *, quiet: bool) -> None:
        chosen = [one for one in history.standing if self.asked.chosen(one)]
        if not chosen:
            return
        top = history.top(self.asked.chosen)
        if not top:
            if not quiet:
                self._keep(name, f"overtaken by {history.standing[-1].by}")
            return
        said = next((t for t in self._insisting(name)), None)
        if said is not None:
            self._keep(name, f"conversation {said} said so as well")
            return
        oldest = top[-1]
        below = history.below(oldest.entry_id)
        if self._restore(name, oldest.old, below, top[0].stands, [one.entry_id for one in top]):
            self._taken |= {one.entry_id for one in top}

    def _insisting(self, name: str) -> list[str]:
        """Conversations that are not undone and say do-not-call too."""
        gone = {talk.said.key for talk in self.asked.talks}
        return [
            one.ref
            for talk in self.asked.talks
            for one in talk.others
            if name == one.application.field_name == DO_NOT_CALL and one.application.contribution is True
            and one.application.outcome in ("set", "kept") and one.ref not in gone
        ]  # fmt: skip

    def _application(self, talk: Talk, one: Application) -> None:
        if one.outcome == UNDONE or one.field_name == WHOLE:
            return
        if self._is_part(one) and not self._taken_whole(talk, one.field_name):
            self._take_part(talk, one)
        if one.field_name == DO_NOT_CALL and DO_NOT_CALL in self.kept:
            return
        self._mark(talk, one)

    def _mark(self, talk: Talk, one: Application) -> None:
        self._gone.add((talk.said.key, one.analysis_data_name, one.field_name))
        self.applications.append(Former(talk.said.key, replace(one, outcome=UNDONE), one.outcome))

    def _taken_whole(self, talk: Talk, name: str) -> bool:
        """Whether all that the conversation changed in the field was taken back with the values."""
        history = self.asked.histories.get(name)
        standing = () if history is None else history.standing
        mine = {
            one.entry_id for one in standing if one.stands.ref == talk.said.key and self.asked.chosen(one)
        }
        return bool(mine) and mine <= self._taken

    def _take_part(self, talk: Talk, one: Application) -> None:
        spec, mapping = self.rules.fields.get(one.field_name), self._mapping(one)
        if spec is None:
            self._keep(one.field_name, "there is no such field any more")
            return
        desk = Desk(
            self.board, self.asked.contact.contact_id, talk.said, self.rules, (), self._others(talk), {}
        )
        standing, source = desk.standing(one.field_name), desk.source(one.field_name) or NOBODY
        if is_note(one.contribution):
            value: Value = self._without_statements(talk, one, as_text(standing), mapping) or None
            by = source
            if source.ref == talk.said.key:
                by = self._stood_before(one.field_name, talk.said.key)
        elif mapping is not None:
            value, by = without(desk, mapping, spec, one)
        else:
            return
        if value == standing:
            if one.outcome == "set" and is_note(one.contribution):
                self._keep(one.field_name, f"nothing of conversation {talk.said.key} is in the note any more")
            return
        self._restore(one.field_name, value, by, desk.own, [])

    def _without_statements(
        self, talk: Talk, one: Application, text: str, mapping: AnalysisMapping | None
    ) -> str:
        others = [
            Said(Moment(other.ended_ms, other.ref), Contribution.from_json(other.application.contribution))
            for other in self._others(talk)
            if other.application.field_name == one.field_name and is_note(other.application.contribution)
        ]
        cap = MAX_TEXT if mapping is None else self.rules.cap(mapping)
        lines = mapping is not None and mapping.update_mode is UpdateMode.APPEND
        return take_back(text, Contribution.from_json(one.contribution), others, cap, lines=lines)

    def _stood_before(self, name: str, ref: str) -> Source:
        history = self.asked.histories.get(name)
        for one in reversed(() if history is None else history.standing):
            if one.stands.ref != ref:
                return one.stands
        return NOBODY

    def _others(self, talk: Talk) -> list[Contributed]:
        return [
            one
            for one in talk.others
            if one.application.outcome != UNDONE
            and (one.ref, one.application.analysis_data_name, one.application.field_name) not in self._gone
        ]

    def _is_part(self, one: Application) -> bool:
        """Whether it put a part into a value that others have parts of too."""
        if one.outcome == UNDONE or one.field_name == DO_NOT_CALL:
            return False
        mapping = self._mapping(one)
        combined = isinstance(one.contribution, Mapping) and "floor" in one.contribution
        return is_note(one.contribution) or (
            combined and mapping is not None and mapping.update_mode in COMBINING
        )

    def _combines(self, name: str) -> bool:
        parts = [a for t in self.asked.talks for a in t.applications if a.field_name == name]
        return any(self._is_part(one) and not is_note(one.contribution) for one in parts)

    def _mapping(self, one: Application) -> AnalysisMapping | None:
        named = (one.analysis_data_name, one.field_name)
        found = (m for m in self.rules.mappings if (m.analysis_data_name, m.field_name) == named)
        return next(found, None)

    def _restore(
        self, name: str, value: Value, stands: Source, undone: Source, took_back: Sequence[int]
    ) -> bool:
        spec, contact_id = self.rules.fields.get(name), self.asked.contact.contact_id
        standing = self.board.value(contact_id, name)
        history = self.asked.histories.get(name)
        last = None if history is None else history.last
        if took_back and last is not None and last.new != standing:
            self._keep(name, "the field holds something else than its history says")
        elif spec is None:
            self._keep(name, "there is no such field any more")
        elif (
            name == DO_NOT_CALL
            and standing is True
            and value is not True
            and not self.orders.clear_do_not_call
        ):
            self._keep(name, "do_not_call is cleared only by name: ask for clear_do_not_call")
        elif value is not None and isinstance(fit := coerce(value, spec), Uncoercible):
            self._keep(name, f"what was there before does not fit the field any more: it {fit.reason}")
        else:
            change = FieldChange(
                name, standing, value, self.orders.by, LedgerOutcome.SET, self.orders.reason, spec.field_id,
                evidence_of(stands, took_back), stands,
            )  # fmt: skip
            self.board.change_field(contact_id, change)
            first = self.restored.get(name)
            self.restored[name] = Restored(name, value, stands, first.undone if first else undone)
            self.undone.append(Line(contact_id, name, standing, value))
            return True
        return False

    def _keep(self, name: str, why: str) -> None:
        standing = self.board.value(self.asked.contact.contact_id, name)
        self.kept[name] = Line(self.asked.contact.contact_id, name, standing, standing, why)


def by_conversation(ref: str) -> Callable[[Entry], bool]:
    """Entries whose value stands by that conversation."""
    return lambda one: one.stands.kind is SourceKind.CONVERSATION and one.stands.ref == ref
