"""What is to be found in conversations: the fields of an analysis, in the shape of Retell's `post_call_analysis_data`.

Shapes: `retell.types.agent_response.PostCallAnalysisData`. Beyond Retell: the types date, datetime, email and phone,
and the preset `in_voicemail`. Every problem of a definition is named at once.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

from tieline.domain.fields import Problem
from tieline.domain.instants import zone
from tieline.domain.phones import is_region

MAX_FIELDS: Final = 100
MAX_NAME: Final = 100
MAX_TEXT: Final = 4_000
MAX_ITEMS: Final = 200
SENTIMENTS: Final = ("Negative", "Positive", "Neutral", "Unknown")


class AnalysisType(StrEnum):
    """What a value is."""

    STRING = "string"
    ENUM = "enum"
    BOOLEAN = "boolean"
    NUMBER = "number"
    DATE = "date"
    DATETIME = "datetime"
    EMAIL = "email"
    PHONE = "phone"


PRESET: Final = "system-presets"


@dataclass(frozen=True, slots=True)
class AnalysisField:
    """One thing to find. `preset`: it is said about the conversation as a whole, so no sentence has to say it."""

    name: str
    type: AnalysisType
    description: str = ""
    examples: tuple[str, ...] = ()
    choices: tuple[str, ...] = ()
    required: bool = False
    condition: str = ""
    preset: bool = False


def presets(kind: str) -> tuple[AnalysisField, ...]:
    """The presets of calls or of chats. They are always looked for; a definition can word them anew."""
    text, yes_no = AnalysisType.STRING, AnalysisType.BOOLEAN
    found = [
        AnalysisField(
            f"{kind}_summary",
            text,
            f"What the {kind} was about and what came of it, in one to three sentences.",
            preset=True,
        ),
        AnalysisField(
            f"{kind}_successful",
            yes_no,
            f"Whether the agent finished its task and the {kind} was complete and not cut off.",
            preset=True,
        ),
        AnalysisField(
            "user_sentiment",
            AnalysisType.ENUM,
            f"The user's mood over the {kind}; Unknown if it cannot be told.",
            choices=SENTIMENTS,
            preset=True,
        ),
    ]
    if kind == "call":
        found.append(
            AnalysisField("in_voicemail", yes_no, "Whether the call reached a voicemail.", preset=True)
        )
    return tuple(found)


@dataclass(frozen=True, slots=True)
class AnalysisDefinition:
    """What is found in conversations of one agent, or ('') of every agent without a definition of its own.

    Each list is as it was given; None: nothing is said about that type, so the definition for all agents counts.
    """

    agent_id: str = ""
    call_fields: tuple[AnalysisField, ...] | None = None
    chat_fields: tuple[AnalysisField, ...] | None = None
    time_zone: str | None = None
    default_country: str | None = None

    def fields_of(self, kind: str) -> tuple[AnalysisField, ...] | None:
        """What is looked for in a `call` or a `chat`: the presets, worded anew where it says so, and then the rest."""
        given = self.call_fields if kind == "call" else self.chat_fields
        if given is None:
            return None
        own = {field.name: field for field in given if field.preset}
        return (
            *(own.get(preset.name, preset) for preset in presets(kind)),
            *(field for field in given if not field.preset),
        )


def read_fields(
    kind: str, where: str, items: Sequence[Any]
) -> tuple[tuple[AnalysisField, ...], list[Problem]]:
    """The fields that a list in Retell's shape describes, and everything that is wrong with it."""
    problems: list[Problem] = []
    if len(items) > MAX_FIELDS:
        problems.append(Problem(where, f"At most {MAX_FIELDS} fields can be looked for."))
    found: list[AnalysisField] = []
    for place, item in enumerate(items[:MAX_FIELDS]):
        field, wrong = _read_field(kind, f"{where}[{place}]", item)
        problems += wrong
        if field is not None:
            found.append(field)
    return tuple(found), problems + _name_problems(kind, where, found)


def _read_field(kind: str, where: str, item: Any) -> tuple[AnalysisField | None, list[Problem]]:
    if not isinstance(item, Mapping):
        return None, [Problem(where, "A field must be an object.")]
    members = _Members(where, item)
    is_preset = item.get("type") == PRESET
    preset = {one.name: one for one in presets(kind)}.get(str(item.get("name"))) if is_preset else None
    if is_preset and preset is None:
        names = ", ".join(one.name for one in presets(kind))
        members.wrong("name", f"The presets of a {kind} are {names}.")
    name = members.text("name", MAX_NAME, needed=True)
    type_ = preset.type if preset else members.type() if not is_preset else None
    field = AnalysisField(
        name=name,
        type=type_ or AnalysisType.STRING,
        description=members.text("description", MAX_TEXT) or (preset.description if preset else ""),
        examples=members.texts("examples", allowed=type_ is AnalysisType.STRING and not preset),
        choices=preset.choices if preset else members.choices(type_),
        required=members.flag("required"),
        condition=members.text("conditional_prompt", MAX_TEXT),
        preset=preset is not None,
    )
    members.nothing_else()
    return (None if members.problems else field), members.problems


class _Members:
    """The members of one item, and what is wrong with them."""

    _KNOWN = ("type", "name", "description", "examples", "choices", "required", "conditional_prompt")

    def __init__(self, where: str, item: Mapping[str, Any]) -> None:
        self._where = where
        self._item = item
        self.problems: list[Problem] = []

    def wrong(self, name: str, message: str) -> None:
        self.problems.append(Problem(f"{self._where}.{name}", message))

    def text(self, name: str, longest: int, *, needed: bool = False) -> str:
        value = self._item.get(name)
        if value is None and not needed:
            return ""
        if not isinstance(value, str) or (needed and not value.strip()):
            self.wrong(
                name, "This must be a text." if not needed else "This must be a text that is not blank."
            )
            return ""
        if len(value) > longest:
            self.wrong(name, f"This is longer than {longest} characters.")
        return value.strip()

    def flag(self, name: str) -> bool:
        value = self._item.get(name)
        if value is not None and not isinstance(value, bool):
            self.wrong(name, "This must be true or false.")
        return value is True

    def type(self) -> AnalysisType | None:
        try:
            return AnalysisType(str(self._item.get("type")))
        except ValueError:
            self.wrong("type", f"The types are {', '.join(AnalysisType)} and {PRESET}.")
            return None

    def texts(self, name: str, *, allowed: bool) -> tuple[str, ...]:
        value = self._item.get(name)
        if value is None:
            return ()
        if not allowed:
            self.wrong(name, f"A field of this type has no {name}.")
            return ()
        if not isinstance(value, list) or not all(isinstance(one, str) and one.strip() for one in value):
            self.wrong(name, "This must be a list of texts, none of them blank.")
            return ()
        if len(value) > MAX_ITEMS or any(len(one) > MAX_TEXT for one in value):
            self.wrong(name, f"At most {MAX_ITEMS} texts of {MAX_TEXT} characters each are kept.")
        return tuple(one.strip() for one in value)

    def choices(self, type_: AnalysisType | None) -> tuple[str, ...]:
        found = self.texts("choices", allowed=type_ in (AnalysisType.ENUM, None))
        if type_ is AnalysisType.ENUM and not found and not self.problems:
            self.wrong("choices", "An enum needs at least one choice.")
        if len({one.casefold() for one in found}) < len(found):
            self.wrong("choices", "Two choices differ in nothing but capitals or blanks.")
        return found

    def nothing_else(self) -> None:
        for name in self._item:
            if name not in self._KNOWN:
                self.wrong(str(name), "A field has no such member.")


def _name_problems(kind: str, where: str, fields: Iterable[AnalysisField]) -> list[Problem]:
    reserved = {preset.name for preset in presets(kind)}
    seen: set[str] = set()
    problems = []
    for field in fields:
        if not field.preset and field.name in reserved:
            problems.append(Problem(where, f"{field.name!r} is a preset; give it the type {PRESET}."))
        if field.name in seen:
            problems.append(Problem(where, f"{field.name!r} is there twice."))
        seen.add(field.name)
    return problems


def place_problems(time_zone: str | None, default_country: str | None) -> list[Problem]:
    """What is wrong with where the people who talk live."""
    problems = []
    if time_zone is not None:
        try:
            zone(time_zone)
        except ValueError as error:
            problems.append(Problem("time_zone", f"{error}."))
    if default_country is not None and not is_region(default_country):
        problems.append(Problem("default_country", f"{default_country!r} is not a country code such as US."))
    return problems


def field_json(field: AnalysisField) -> dict[str, Any]:
    """The field in Retell's shape; the inverse of reading it."""
    answer: dict[str, Any] = {"type": PRESET if field.preset else field.type.value, "name": field.name}
    if field.description:
        answer["description"] = field.description
    if field.examples:
        answer["examples"] = list(field.examples)
    if field.choices and not field.preset:
        answer["choices"] = list(field.choices)
    if field.required:
        answer["required"] = True
    if field.condition:
        answer["conditional_prompt"] = field.condition
    return answer
