"""A pair: a contact field and a CRM field that a mapping joins, and how values cross and compare.

Both sides keep their own canonical values. Crossing is `to_local` and `to_remote`; comparing is by form, a
hashable stand-in in which spellings of one value are equal: text NFC, LF, outer blanks ignored; e-mail
addresses case-folded; numbers as decimals at the CRM field's scale; datetimes at the coarser precision;
multi-selects as sets. This module must never cut or guess a value: what does not fit is an `Uncoercible`.
"""

import dataclasses
import unicodedata
from collections.abc import Hashable, Mapping
from decimal import Decimal
from enum import StrEnum

from tieline.domain import instants
from tieline.domain.crm_schema import CrmField, CrmKind
from tieline.domain.decimals import at_scale, canonical_number
from tieline.domain.fields import DO_NOT_CALL, FieldSpec, Uncoercible, coerce
from tieline.domain.values import FieldType, Value, as_text, is_empty


class Policy(StrEnum):
    """Who wins when both sides changed."""

    CRM_WINS = "crm_wins"
    TIELINE_WINS = "tieline_wins"
    NEWEST_WINS = "newest_wins"
    MERGE = "merge"
    REVIEW = "review"


def text_form(text: str) -> str:
    """The text in which two spellings of one text are equal: NFC, LF line ends, no outer blanks."""
    if text.isascii() and "\r" not in text:
        return text.strip()
    return unicodedata.normalize("NFC", text.replace("\r\n", "\n").replace("\r", "\n")).strip()


def multi_values(text: str) -> tuple[str, ...]:
    """The single values of a multi-select, in their order, each once: of `a;b` as of `a; b`."""
    return tuple(dict.fromkeys(part.strip() for part in text.split(";") if part.strip()))


@dataclasses.dataclass(frozen=True, slots=True)
class Pair:
    """One contact field joined to one CRM field. `options` leads from contact options to picklist values.

    `time_zone` is the IANA name in which datetimes become dates and dates become midnights.
    """

    field: FieldSpec
    crm: CrmField
    inbound: bool
    outbound: bool
    policy: Policy
    options: Mapping[str, str] = dataclasses.field(default_factory=dict)
    time_zone: str = "UTC"
    guard: str | None = None
    key: str = dataclasses.field(init=False, compare=False, repr=False)
    """The pair's identity: `field_name|crm_name`."""
    _options_by_form: Mapping[str, str] = dataclasses.field(init=False, compare=False, repr=False)

    def __post_init__(self) -> None:
        # A read asks for these once per record and pair, so they are worked out once per pair.
        by_form: dict[str, str] = {}
        for option, value in self.options.items():
            if option in self.field.options:
                by_form.setdefault(text_form(value), option)
        object.__setattr__(self, "key", f"{self.field.name}|{self.crm.name}")
        object.__setattr__(self, "_options_by_form", by_form)

    @property
    def two_way(self) -> bool:
        """True if values cross in both directions."""
        return self.inbound and self.outbound

    def to_local(self, remote: Value) -> Value | Uncoercible:
        """A canonical CRM value as a canonical value of the contact field."""
        if is_empty(remote):
            return None
        if self.crm.kind is CrmKind.MULTI_PICKLIST:
            return coerce("; ".join(multi_values(as_text(remote))), self.field)
        if self._by_option:
            return self._option_of(as_text(remote))
        return coerce(remote, self.field, time_zone=self.time_zone)

    def to_remote(self, local: Value) -> Value | Uncoercible:
        """A canonical contact value as the canonical CRM value to send, or why it cannot be sent.

        Numbers are rounded to the CRM field's scale, datetimes cut to its precision: a mapping that loses by
        it was confirmed when it was saved. Text is never cut.
        """
        if self.crm.calculated or not self.crm.updateable:
            return Uncoercible(f"cannot be written: {self.crm.name} is read-only in the CRM", local)
        if is_empty(local):
            return self._cleared(local)
        match self.crm.kind:
            case CrmKind.STRING | CrmKind.OTHER:
                return self._sized(as_text(local))
            case CrmKind.PICKLIST:
                return self._picklist_value(local)
            case CrmKind.MULTI_PICKLIST:
                return self._multi_picklist_value(local)
            case CrmKind.NUMBER:
                return self._number(local)
            case CrmKind.BOOLEAN:
                return coerce(local, FieldSpec(self.crm.name, FieldType.BOOLEAN))
            case CrmKind.DATE:
                return coerce(local, FieldSpec(self.crm.name, FieldType.DATE), time_zone=self.time_zone)
            case CrmKind.DATETIME:
                return self._datetime(local)

    def local_form(self, value: Value) -> Hashable:
        """What a contact value compares as, in the pair."""
        if self._by_option and isinstance(value, str) and not is_empty(value):
            # In the CRM's terms; an option without a picklist value must not look like a value of that name.
            settled = self.options.get(value)
            return ("option", value) if settled is None else text_form(settled)
        return self._form(value)

    def remote_form(self, value: Value) -> Hashable:
        """What a CRM value compares as, in the pair."""
        return self._form(value)

    def same(self, local: Value, remote: Value) -> bool:
        """True if the two sides hold the same value, as far as the pair can carry it."""
        return self.local_form(local) == self.remote_form(remote)

    @property
    def _by_option(self) -> bool:
        return self.field.type is FieldType.ENUM and self.crm.kind is CrmKind.PICKLIST

    @property
    def _never_empty(self) -> bool:
        """A checkbox: it has a default, so that its empty state is unchecked."""
        return self.crm.kind is CrmKind.BOOLEAN and (
            isinstance(self.crm.default, bool) or self.field.name == DO_NOT_CALL
        )

    def _form(self, value: Value) -> Hashable:
        if is_empty(value):
            return False if self._never_empty else None
        if self.crm.kind is CrmKind.MULTI_PICKLIST:
            return frozenset(text_form(part) for part in multi_values(as_text(value))) or None
        kind = _FORM_TYPES.get(self.crm.kind, self.field.type)
        if kind is FieldType.DATETIME and self.field.type is FieldType.DATE:
            kind = FieldType.DATE
        if kind in (FieldType.STRING, FieldType.ENUM):
            return self._text_form(as_text(value))
        typed = coerce(value, FieldSpec(self.crm.name, kind), time_zone=self.time_zone)
        match typed:
            case Uncoercible():
                return ("text", text_form(as_text(value)))
            case int() | Decimal() if not isinstance(typed, bool):
                return at_scale(typed, self.crm.scale)
            case str() if kind is FieldType.DATETIME:
                return self._coarse(typed)
            case _:
                return typed

    def _text_form(self, text: str) -> str:
        form = text_form(text)
        # Not every CRM has a type for e-mail addresses; a field of that name is one all the same.
        is_email = self.crm.vendor_type == "email" or self.crm.name.lower() == "email"
        if is_email and form.count("@") == 1:
            return unicodedata.normalize("NFC", form.casefold())
        return form

    def _coarse(self, text: str) -> int:
        moment = instants.parse_datetime(text)
        assert moment is not None
        step = max(self.crm.precision_ms, 1)
        return instants.epoch_ms(moment) // step * step

    def _option_of(self, remote: str) -> Value | Uncoercible:
        option = self._options_by_form.get(text_form(remote))
        if option is not None:
            return option
        return Uncoercible(f"is a picklist value that stands for no option of {self.field.name}", remote)

    def _cleared(self, local: Value) -> Value | Uncoercible:
        if self._never_empty:
            return False
        if self.crm.required:
            return Uncoercible(f"cannot be cleared: {self.crm.name} is required in the CRM", local)
        return None

    def _sized(self, text: str) -> Value | Uncoercible:
        limit = self.crm.max_length
        if limit is not None and len(text) > limit:
            return Uncoercible(
                f"has {len(text)} characters, and {self.crm.name} holds at most {limit} in the CRM", text
            )
        return text

    def _picklist_value(self, local: Value) -> Value | Uncoercible:
        text = as_text(local)
        if not self._by_option:
            return self._known_value(text)
        settled = self.options.get(text)
        if settled is None:
            return Uncoercible(f"is an option that stands for no picklist value of {self.crm.name}", local)
        return settled

    def _known_value(self, text: str) -> Value | Uncoercible:
        wanted = text_form(text)
        for option in self.crm.options:
            if option.active and text_form(option.value) == wanted:
                return option.value
        if self.crm.restricted:
            return Uncoercible(f"is no picklist value of {self.crm.name} in the CRM", text)
        return self._sized(text.strip())

    def _multi_picklist_value(self, local: Value) -> Value | Uncoercible:
        known = [self._known_value(part) for part in multi_values(as_text(local))]
        for value in known:
            if isinstance(value, Uncoercible):
                return Uncoercible(f"contains {value.raw!r}, which {value.reason}", local)
        return ";".join(as_text(value) for value in known if not isinstance(value, Uncoercible)) or None

    def _number(self, local: Value) -> Value | Uncoercible:
        number = coerce(local, FieldSpec(self.crm.name, FieldType.NUMBER))
        if isinstance(number, int | Decimal) and not isinstance(number, bool):
            return canonical_number(at_scale(number, self.crm.scale))
        return number

    def _datetime(self, local: Value) -> Value | Uncoercible:
        if self.field.type is FieldType.DATE:
            day = instants.parse_date(as_text(local))
            midnight = None if day is None else instants.midnight_in(day, self.time_zone)
            written = None if midnight is None else instants.instant_text(midnight)
            return written or Uncoercible("is not a date that the CRM can hold as a datetime", local)
        typed = coerce(local, FieldSpec(self.crm.name, FieldType.DATETIME))
        if not isinstance(typed, str):
            return typed
        instant = instants.from_epoch_ms(self._coarse(typed))
        sent = None if instant is None else instants.instant_text(instant)
        return sent or Uncoercible("is not a datetime that the CRM can hold", local)


# What a CRM field's kind is compared as, whatever the contact field's type; text is compared as the contact
# field's.
_FORM_TYPES: Mapping[CrmKind, FieldType] = {
    CrmKind.NUMBER: FieldType.NUMBER,
    CrmKind.BOOLEAN: FieldType.BOOLEAN,
    CrmKind.DATE: FieldType.DATE,
    CrmKind.DATETIME: FieldType.DATETIME,
}
