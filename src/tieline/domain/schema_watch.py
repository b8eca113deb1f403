"""What has changed in a CRM's schema since an app's mappings were checked, though the mappings still work.

What no longer works rests and is told by the run itself (drift). This module must never call a change what stood there
when the mapping was saved: that was seen and accepted.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from tieline.domain.crm_schema import CrmField, CrmKind, CrmSchema
from tieline.domain.pairs import Pair, text_form
from tieline.domain.values import FieldType


@dataclass(frozen=True, slots=True)
class SchemaChange:
    """A change of one CRM field: what it is about (`options`, `length`, `required`), and a sentence."""

    external_field_name: str
    field_name: str
    about: str
    message: str


def schema_changes(pairs: Iterable[Pair], checked: CrmSchema | None) -> list[SchemaChange]:
    """What a person should know. `pairs` have the live CRM fields; `checked` is what the mappings were held against."""
    found: list[SchemaChange] = []
    for pair in pairs:
        before = None if checked is None else checked.get(pair.crm.name)
        if before is not None:
            found += _changes(pair, before)
    return found


def _changes(pair: Pair, before: CrmField) -> Iterator[SchemaChange]:
    name, ours, live = pair.crm.name, pair.field.name, pair.crm
    if pair.inbound and pair.field.type is FieldType.ENUM and live.kind is CrmKind.PICKLIST:
        new = _new_options(pair, before)
        if new:
            yield SchemaChange(
                name, ours, "options",
                f"The CRM's picklist {name} has new values that stand for no option of {ours}: {', '.join(new)}. "
                f"Add options to {ours}, or say in the mapping's options which one they stand for; records that hold "
                "them keep the value they had here.",
            )  # fmt: skip
    if pair.outbound and _is_shorter(live, before):
        yield SchemaChange(
            name, ours, "length",
            f"The CRM's field {name} holds at most {live.max_length} characters now, "
            f"{before.max_length or 'any number'} before. Longer texts are refused, never cut: "
            "make it longer there, or map another field.",
        )  # fmt: skip
    if pair.outbound and live.required and not before.required:
        yield SchemaChange(
            name, ours, "required",
            f"The CRM demands a value in {name} now, so it cannot be cleared from here any more: make it optional "
            f"there, or see to it that {ours} is always filled.",
        )  # fmt: skip


def _new_options(pair: Pair, before: CrmField) -> list[str]:
    known = {text_form(value) for value in pair.options.values()}
    known |= {text_form(option.value) for option in before.options}
    return [repr(one.value) for one in pair.crm.options if one.active and text_form(one.value) not in known]


def _is_shorter(live: CrmField, before: CrmField) -> bool:
    if live.kind is not CrmKind.STRING or live.max_length is None:
        return False
    return before.max_length is None or live.max_length < before.max_length
