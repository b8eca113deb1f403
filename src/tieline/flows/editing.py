"""Creating and changing a contact by hand: a person in the dashboard, or a caller of the API.

Read, plan, act, like every flow: the edit is checked whole, planned as a changeset with its ledger, and
applied in one unit of work, which also makes the contact's links dirty. This module must never write to a
CRM; the push flow does.
"""

from collections.abc import Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from typing import Any, Protocol

from tieline.domain.changeset import Source, SourceKind
from tieline.domain.configuration import ContactTag
from tieline.domain.contact_input import CUSTOM_FIELDS, check_contact_input
from tieline.domain.contact_memory import CONTACT_MEMORY, MEMORY_FIELD
from tieline.domain.edits import plan_create, plan_edit
from tieline.domain.fields import MAX_TEXT, PHONE_NUMBER, FieldSpec, Problem
from tieline.domain.phones import E164, Unusable, normalise
from tieline.domain.values import Value
from tieline.flows.remembering import with_memory
from tieline.ports.clock import Clock, Ids, to_ms
from tieline.ports.errors import ConflictError
from tieline.ports.store import Origin, UnitOfWork

_ATTEMPTS = 3


class EditRefusedError(ValueError):
    """The edit was refused as a whole; `problems` is everything that is wrong with it."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        super().__init__("; ".join(f"{problem.where}: {problem.message}" for problem in problems))
        self.problems = tuple(problems)


class DuplicateContactError(Exception):
    """There is a contact with that number already."""

    def __init__(self, phone_number: str) -> None:
        super().__init__(f"A contact with phone number {phone_number} already exists.")


class UnknownContactError(LookupError):
    """There is no contact of that id."""


@dataclass(frozen=True, slots=True)
class Edit:
    """What is to become of a contact. `values` are built-in fields, `custom_fields` the others; null clears.

    `details` has `contact_tag_ids` (the full set) and `contact_memory`, whichever is to change.
    """

    values: Mapping[str, Any] = field(default_factory=dict)
    custom_fields: Mapping[str, Any] = field(default_factory=dict)
    details: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Editor:
    """Who edits, for the ledger: an API key or a person, by id."""

    kind: SourceKind
    ref: str


class Rules(Protocol):
    """What an edit must know of an organisation's configuration."""

    @property
    def fields(self) -> Mapping[str, FieldSpec]: ...
    @property
    def contact_tags(self) -> Sequence[ContactTag]: ...
    @property
    def default_country(self) -> str: ...


class EditingStore(Protocol):
    """Units of work, and a contact's tags."""

    def transaction(self) -> AbstractAsyncContextManager[UnitOfWork]:
        """Opens a unit of work."""

    async def tag_ids(self, unit: UnitOfWork, org_id: str, contact_id: str) -> Sequence[str]:
        """The tag ids that a contact bears."""

    async def set_tags(self, unit: UnitOfWork, org_id: str, contact_id: str, tag_ids: Sequence[str]) -> None:
        """Replaces them."""


class Editing:
    """The flow. One instance serves all organisations."""

    def __init__(self, store: EditingStore, clock: Clock, ids: Ids) -> None:
        self._store = store
        self._clock = clock
        self._ids = ids

    async def create(self, org_id: str, rules: Rules, phone: str, edit: Edit, editor: Editor) -> str:
        """A new contact; returns its id. Raises EditRefusedError, DuplicateContactError."""
        number, problems = _number(phone, rules)
        values, more = _checked(edit, rules)
        problems += more + _detail_problems(edit, rules, ())
        if problems or number is None:
            raise EditRefusedError(problems)
        values = {name: value for name, value in values.items() if value is not None}
        if memory := edit.details.get(CONTACT_MEMORY):
            values[CONTACT_MEMORY] = memory
        for _ in range(_ATTEMPTS):
            contact_id = self._ids.new("contact")
            changeset = plan_create(contact_id, number, values, _with_memory(rules), self._source(editor))
            try:
                async with self._store.transaction() as unit:
                    own, _ = await unit.contact_ids_by_phone(org_id, [number])
                    if number in own:
                        raise DuplicateContactError(number)
                    await unit.apply(org_id, changeset, Origin())
                    await self._set_tags(unit, org_id, contact_id, edit)
            except ConflictError:
                continue  # Another creation of this number was first: the next look finds it.
            return contact_id
        raise DuplicateContactError(number)

    async def update(self, org_id: str, rules: Rules, contact_id: str, edit: Edit, editor: Editor) -> str:
        """Changes a contact; returns its id, a merged one's survivor.

        Raises EditRefusedError, UnknownContactError.
        """
        values, problems = _checked(edit, rules)
        async with self._store.transaction() as unit:
            contact = (await unit.contacts(org_id, [contact_id], lock=True)).get(contact_id)
            if contact is None:
                raise UnknownContactError(contact_id)
            borne = await self._store.tag_ids(unit, org_id, contact.contact_id)
            problems += _detail_problems(edit, rules, borne)
            if problems:
                raise EditRefusedError(problems)
            if CONTACT_MEMORY in edit.details:
                contact = await with_memory(unit, org_id, contact)
                values[CONTACT_MEMORY] = edit.details[CONTACT_MEMORY] or None
            changeset = plan_edit(contact, values, _with_memory(rules), self._source(editor))
            if changeset:
                await unit.apply(org_id, changeset, Origin())
            await self._set_tags(unit, org_id, contact.contact_id, edit)
        return contact.contact_id

    async def _set_tags(self, unit: UnitOfWork, org_id: str, contact_id: str, edit: Edit) -> None:
        if "contact_tag_ids" in edit.details:
            tag_ids = edit.details["contact_tag_ids"] or ()
            await self._store.set_tags(unit, org_id, contact_id, tag_ids)

    def _source(self, editor: Editor) -> Source:
        return Source(editor.kind, to_ms(self._clock.now()), editor.ref)


def _with_memory(rules: Rules) -> Mapping[str, FieldSpec]:
    return {**rules.fields, CONTACT_MEMORY: MEMORY_FIELD}


def _number(phone: str, rules: Rules) -> tuple[E164 | None, list[Problem]]:
    number = normalise(phone, rules.default_country)
    if isinstance(number, Unusable):
        return None, [Problem(PHONE_NUMBER, f"{number.raw!r} {number.reason}.")]
    return number, []


def _checked(edit: Edit, rules: Rules) -> tuple[dict[str, Value], list[Problem]]:
    custom = {name: spec for name, spec in rules.fields.items() if spec.field_id}
    checked = check_contact_input({**edit.values, CUSTOM_FIELDS: edit.custom_fields}, custom)
    return ({}, checked) if isinstance(checked, list) else (checked, [])


def _detail_problems(edit: Edit, rules: Rules, borne: Sequence[str]) -> list[Problem]:
    """A tag must exist, or be one that the contact bears already: it may have been removed since."""
    known = {tag.id for tag in rules.contact_tags} | set(borne)
    wanted = edit.details.get("contact_tag_ids") or ()
    problems = [
        Problem("contact_tag_ids", f"There is no tag {tag_id!r}.") for tag_id in wanted if tag_id not in known
    ]
    if len(edit.details.get(CONTACT_MEMORY) or "") > MAX_TEXT:
        problems.append(Problem(CONTACT_MEMORY, f"A contact's memory has at most {MAX_TEXT} characters."))
    return problems
