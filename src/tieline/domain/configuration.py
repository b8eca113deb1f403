"""An organisation's contact fields, tags and analysis mappings: what may be saved, checked whole.

A check returns every problem at once and changes nothing. Mappings to a CRM are `domain.mapping`'s; this
module only must know which fields they name, so that none of them is taken away.
"""

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from tieline.domain.fields import FieldSpec, Problem, field_name_problem
from tieline.domain.values import FieldType

MAX_FIELDS: Final = 500
MAX_OPTIONS: Final = 1_000
MAX_MAPPINGS: Final = 1_000
MAX_COLUMNS: Final = 1_000
MAX_PROMPT: Final = 20_000
MAX_TAGS: Final = 1_000
MAX_LABEL: Final = 200
MAX_DESCRIPTION: Final = 4_000

_TAG_ID = re.compile(r"[0-9a-fA-F]{32}", re.ASCII)


@dataclass(frozen=True, slots=True)
class ContactTag:
    """A tag that contacts can bear: 32 hexadecimal characters, and what people see."""

    id: str
    label: str


def check_fields(wanted: Sequence[FieldSpec], present: Mapping[str, FieldSpec]) -> list[Problem]:
    """What is wrong with a list that replaces the custom fields `present`."""
    problems = too_many("custom_fields", wanted, MAX_FIELDS)
    seen: set[str] = set()
    for place, spec in enumerate(wanted):
        where = f"custom_fields[{place}]"
        problem = field_name_problem(spec.name)
        if problem:
            problems.append(Problem(f"{where}.name", problem))
        if spec.name in seen:
            problems.append(Problem(f"{where}.name", f"{spec.name!r} is there twice."))
        seen.add(spec.name)
        known = present.get(spec.name)
        if known is not None and known.type is not spec.type:
            said = f"The type of {spec.name!r} is {known.type.value} and cannot be changed."
            problems.append(Problem(f"{where}.type", said))
        problems += _texts(where, spec)
        if spec.type is FieldType.ENUM:
            problems += _options(where, spec.options)
    return problems


def check_removals(removed: Collection[str], named_by: Mapping[str, Collection[str]]) -> list[Problem]:
    """What forbids removing those fields; `named_by` says for each mapped field which mappings name it."""
    return [
        Problem(
            "custom_fields",
            f"{name!r} cannot be removed: it is named by {', '.join(sorted(named_by[name]))}.",
        )
        for name in sorted(removed)
        if named_by.get(name)
    ]


def check_tags(tags: Sequence[ContactTag]) -> list[Problem]:
    """What is wrong with a list of tags whose labels are trimmed."""
    problems = too_many("contact_tags", tags, MAX_TAGS)
    seen: set[str] = set()
    for place, tag in enumerate(tags):
        where = f"contact_tags[{place}]"
        if not _TAG_ID.fullmatch(tag.id):
            problems.append(Problem(f"{where}.id", "A tag's id is 32 hexadecimal characters."))
        if tag.id.lower() in seen:
            problems.append(Problem(f"{where}.id", f"{tag.id!r} is there twice."))
        seen.add(tag.id.lower())
        if not 0 < len(tag.label) <= MAX_LABEL:
            problems.append(Problem(f"{where}.label", f"Give a label of 1 to {MAX_LABEL} characters."))
    return problems


def too_many(where: str, items: Sequence[object], most: int) -> list[Problem]:
    """The problem of a list that is longer than `most`, if it is."""
    return [Problem(where, f"There can be at most {most} entries.")] if len(items) > most else []


def _texts(where: str, spec: FieldSpec) -> list[Problem]:
    problems = []
    if len(spec.label) > MAX_LABEL:
        problems.append(Problem(f"{where}.label", f"A label has at most {MAX_LABEL} characters."))
    if len(spec.description) > MAX_DESCRIPTION:
        said = f"A description has at most {MAX_DESCRIPTION} characters."
        problems.append(Problem(f"{where}.description", said))
    return problems


def _options(where: str, options: tuple[str, ...]) -> list[Problem]:
    where = f"{where}.options"
    if not options:
        return [Problem(where, "A field of type enum needs at least one option.")]
    problems = too_many(where, options, MAX_OPTIONS)
    if len(set(options)) < len(options):
        twice = sorted({option for option in options if options.count(option) > 1})
        problems.append(Problem(where, f"Options must differ; twice: {', '.join(twice)}."))
    if any(option != option.strip() or not 0 < len(option) <= MAX_LABEL for option in options):
        said = f"An option has 1 to {MAX_LABEL} characters and no blanks around it."
        problems.append(Problem(where, said))
    return problems
