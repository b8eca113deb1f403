"""Which contact option stands for which picklist value: settled once, when a mapping is saved, and stored with it.

This module must never settle by guess: what two readings fit is a problem that names both.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from tieline.domain.crm_schema import CrmField, CrmOption
from tieline.domain.fields import FieldSpec
from tieline.domain.pairs import text_form


@dataclass(frozen=True, slots=True)
class Settlement:
    """The settled options, contact option to picklist value, and what could not be settled, in sentences."""

    options: Mapping[str, str]
    problems: tuple[str, ...] = ()


def settle_options(
    field: FieldSpec, crm: CrmField, by_hand: Mapping[str, str], *, outbound: bool
) -> Settlement:
    """Settle an enum field against a picklist: by hand, else exact, else case-folded, else by label.

    Each option gets at most one value and each value at most one option, whatever the direction, since a value that
    is read must name one option. Outbound, every option must have a value that the CRM still accepts; inbound only,
    values that no longer can be chosen are settled too, because old records hold them.
    """
    problems = _by_hand_problems(field, crm, by_hand)
    candidates = [option for option in crm.options if option.active or not outbound]
    settled = {option: value for option, value in by_hand.items() if option in field.options}
    problems += _clashes_by_hand(settled)
    clashes: dict[str, str] = {}
    for reading in _READINGS:
        _settle_by(reading, field, candidates, settled, clashes)
    problems += dict.fromkeys(clashes.values())
    if outbound:
        problems += _unsettled(field, crm, settled, clashes)
    elif not settled and not problems:
        problems.append(
            f"none of the options of {field.name} is a picklist value of {crm.name}: "
            "change the options, or give in `options` which option stands for which value."
        )
    in_order = {option: settled[option] for option in field.options if option in settled}
    return Settlement(in_order, tuple(problems))


def _exact(option: CrmOption) -> str:
    return text_form(option.value)


def _folded(option: CrmOption) -> str:
    return _fold(option.value)


def _label(option: CrmOption) -> str:
    return _fold(option.label)


def _fold(text: str) -> str:
    return " ".join(text_form(text).casefold().split())


_READINGS: tuple[tuple[Callable[[str], str], Callable[[CrmOption], str]], ...] = (
    (text_form, _exact),
    (_fold, _folded),
    (_fold, _label),
)


def _settle_by(
    reading: tuple[Callable[[str], str], Callable[[CrmOption], str]],
    field: FieldSpec,
    candidates: Iterable[CrmOption],
    settled: dict[str, str],
    clashes: dict[str, str],
) -> None:
    """One round: match what is still open by that reading. A clash ends the search for its options."""
    ours, theirs = reading
    taken = set(settled.values())
    free = [option for option in candidates if option.value not in taken]
    open_options = [option for option in field.options if option not in settled and option not in clashes]
    for option in open_options:
        values = list(dict.fromkeys(value.value for value in free if theirs(value) == ours(option)))
        rivals = [rival for rival in open_options if ours(rival) == ours(option)]
        if len(values) == 1 and len(rivals) == 1:
            settled[option] = values[0]
        elif values:
            clashes[option] = (
                f"the options {_quoted(rivals)} and the picklist values {_quoted(values)} clash: "
                "give in `options` which option stands for which value."
            )


def _by_hand_problems(field: FieldSpec, crm: CrmField, by_hand: Mapping[str, str]) -> list[str]:
    values = {option.value for option in crm.options}
    problems = [
        f"`options` names {option!r}, which is no option of {field.name}."
        for option in by_hand
        if option not in field.options
    ]
    # A picklist that is not restricted takes any value, so one that it does not list can be meant.
    problems += [
        f"`options` gives {value!r} for {option!r}, which is no picklist value of {crm.name}."
        for option, value in by_hand.items()
        if value not in values and (crm.restricted or not value.strip())
    ]
    return problems


def _clashes_by_hand(settled: Mapping[str, str]) -> list[str]:
    by_value: dict[str, list[str]] = {}
    for option, value in settled.items():
        by_value.setdefault(value, []).append(option)
    return [
        f"the options {_quoted(options)} all stand for the picklist value {value!r}: "
        "each value can stand for one option only."
        for value, options in by_value.items()
        if len(options) > 1
    ]


def _unsettled(
    field: FieldSpec, crm: CrmField, settled: Mapping[str, str], clashes: Mapping[str, str]
) -> list[str]:
    missing = [option for option in field.options if option not in settled and option not in clashes]
    inactive = {option.value for option in crm.options if not option.active}
    problems = []
    if missing:
        problems.append(
            f"no active picklist value of {crm.name} fits {_quoted(missing)}: add it in the CRM, remove the option, "
            "or give in `options` which value it stands for."
        )
    unusable = [value for value in settled.values() if value in inactive]
    if unusable:
        problems.append(f"the picklist values {_quoted(unusable)} of {crm.name} are inactive in the CRM.")
    return problems


def _quoted(texts: Iterable[str]) -> str:
    return ", ".join(repr(text) for text in texts)
