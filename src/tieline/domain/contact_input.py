"""A contact as the API gives it: checked against the fields, with every problem at once and nothing changed before.

This module must never coerce: the API takes a field's own JSON type, and null, which clears.
"""

from collections.abc import Iterator, Mapping
from typing import Any, Final

from tieline.domain.fields import BUILTIN_FIELDS, PHONE_NUMBER, FieldSpec, Problem, Uncoercible, check_value
from tieline.domain.values import FieldType, Value, as_text

CUSTOM_FIELDS: Final = "custom_fields"

_MAX_SHOWN: Final = 80


def check_contact_input(
    body: Mapping[str, Any], custom_fields: Mapping[str, FieldSpec]
) -> dict[str, Value] | list[Problem]:
    """The canonical values by field name, built-in and custom together, or every problem.

    `body` has `first_name`, `last_name`, `do_not_call` and `custom_fields`, each optional; the phone number and members
    that are no fields are the caller's. Null clears; a field that is not named is not in the answer. `custom_fields`
    as null or `{}` names none.
    """
    values: dict[str, Value] = {}
    problems: list[Problem] = []
    for where, name, spec, raw in _inputs(body, custom_fields, problems):
        value = check_value(raw, spec)
        if isinstance(value, Uncoercible):
            problems.append(Problem(where, _sentence(where, spec, value)))
        else:
            values[name] = value
    return problems or values


def _inputs(
    body: Mapping[str, Any], custom_fields: Mapping[str, FieldSpec], problems: list[Problem]
) -> Iterator[tuple[str, str, FieldSpec, Any]]:
    """Place, name, field and raw value of each input that has a field; the others go into `problems`."""
    for name, raw in body.items():
        if name == CUSTOM_FIELDS:
            continue
        if name in BUILTIN_FIELDS and name != PHONE_NUMBER:
            yield name, name, BUILTIN_FIELDS[name], raw
        else:
            problems.append(Problem(name, f"{name} is not a field that can be set here."))
    custom = body.get(CUSTOM_FIELDS)
    if custom is None:
        return
    if not isinstance(custom, Mapping):
        problems.append(Problem(CUSTOM_FIELDS, f"{CUSTOM_FIELDS} must be an object of names and values."))
        return
    for name, raw in custom.items():
        where = f"{CUSTOM_FIELDS}.{name}"
        spec = custom_fields.get(name)
        if spec is None:
            problems.append(Problem(where, f"{where} is not defined: create the custom field first."))
        else:
            yield where, name, spec, raw


def _sentence(where: str, spec: FieldSpec, wrong: Uncoercible) -> str:
    shown = as_text(wrong.raw)
    shown = shown if len(shown) <= _MAX_SHOWN else f"{shown[:_MAX_SHOWN]}..."
    options = f" Its options are {', '.join(spec.options)}." if spec.type is FieldType.ENUM else ""
    return f"{where} ({spec.type}) {wrong.reason}; got {shown!r}.{options}"
