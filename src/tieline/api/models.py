"""What requests may carry, in the shapes of Retell's SDK (`retell.types.contact_*`, `crm_*`). Nothing else is let in.

Strict: a string that looks like a number is a string. Numbers are exact.
"""

from decimal import Decimal
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from tieline.domain.configuration import MAX_COLUMNS, MAX_FIELDS, MAX_MAPPINGS, MAX_OPTIONS, MAX_TAGS


class Strict(BaseModel):
    """A request, or a part of one."""

    model_config = ConfigDict(extra="forbid", strict=True)


def _whole(value: Any) -> Any:
    """`50.0` is a whole number in JSON, and the SDK's `float` parameters send it."""
    if isinstance(value, Decimal) and value == value.to_integral_value():
        return int(value)
    return value


Whole = Annotated[int, BeforeValidator(_whole)]
Number = int | Decimal
UpdateModeName = Literal["overwrite", "fill_if_empty", "merge", "append", "max", "min", "latest", "union"]
FieldTypeName = Literal["string", "number", "boolean", "date", "datetime", "enum"]
CustomValues = Annotated[dict[str, Any], Field(max_length=MAX_FIELDS)]
TagIds = Annotated[list[str], Field(max_length=MAX_TAGS)]


class UpdateContact(Strict):
    """Members that are not sent stay; null clears."""

    first_name: str | None = None
    last_name: str | None = None
    do_not_call: bool | None = None
    custom_fields: CustomValues | None = None
    contact_tag_ids: TagIds | None = None
    contact_memory: str | None = None


class CreateContact(UpdateContact):
    """A new contact."""

    phone_number: Annotated[str, Field(max_length=250)]


class StringAtom(Strict):
    """eq, ne, sw: starts with, ew: ends with, co: contains."""

    type: Literal["string"]
    op: Literal["eq", "ne", "sw", "ew", "co"]
    value: Annotated[str, Field(max_length=1_000)]


class NumberAtom(Strict):
    """A comparison with a number."""

    type: Literal["number"]
    op: Literal["eq", "ne", "gt", "ge", "lt", "le"]
    value: Number


class RangeAtom(Strict):
    """Between two bounds, both included."""

    type: Literal["range"]
    op: Literal["bt"]
    value: Annotated[list[Number], Field(min_length=2, max_length=2)]


class BooleanAtom(Strict):
    """Equal to true or false."""

    type: Literal["boolean"]
    op: Literal["eq"]
    value: bool


class EnumAtom(Strict):
    """One of the listed values."""

    type: Literal["enum"]
    op: Literal["in"]
    value: Annotated[list[str], Field(max_length=1_000)]


class PresentAtom(Strict):
    """pr: has a value, np: has none."""

    type: Literal["present"]
    op: Literal["pr", "np"]


class Keyed(Strict):
    """A filter that names its custom field."""

    key: str | None = None


class KeyedString(StringAtom, Keyed):
    """On a string, enum, date or datetime field."""


class KeyedNumber(NumberAtom, Keyed):
    """On a number field, or on a date or datetime as epoch milliseconds."""


class KeyedRange(RangeAtom, Keyed):
    """On a number field, or on a date or datetime as epoch milliseconds."""


class KeyedBoolean(BooleanAtom, Keyed):
    """On a boolean field."""


class KeyedEnum(EnumAtom, Keyed):
    """On an enum or string field."""


class KeyedPresent(PresentAtom, Keyed):
    """On any field."""


CustomFieldAtom = Annotated[
    KeyedString | KeyedNumber | KeyedRange | KeyedBoolean | KeyedEnum | KeyedPresent,
    Field(discriminator="type"),
]


class FilterCriteria(Strict):
    """Conditions that must all hold."""

    contact_id: StringAtom | None = None
    phone_number: StringAtom | None = None
    external_id: Annotated[StringAtom | PresentAtom, Field(discriminator="type")] | None = None
    do_not_call: BooleanAtom | None = None
    contact_tag_ids: EnumAtom | None = None
    last_conversation_timestamp: Annotated[NumberAtom | RangeAtom, Field(discriminator="type")] | None = None
    custom_fields: Annotated[list[CustomFieldAtom], Field(max_length=50)] | None = None


class ListContacts(Strict):
    """Which contacts, and which page of them."""

    limit: Annotated[Whole, Field(ge=1)] = 50
    skip: Annotated[Whole, Field(ge=0, le=2**62)] = 0
    sort_order: Literal["asc", "desc"] = "desc"
    pagination_key: str | None = None
    filter_criteria: FilterCriteria | None = None
    search_query: Annotated[str, Field(max_length=250)] | None = None
    excluded_contact_ids: Annotated[list[str], Field(max_length=1_000)] | None = None


class CustomFieldIn(Strict):
    """A custom field of contacts. `options` only count for an enum."""

    name: str
    type: FieldTypeName
    label: str | None = None
    description: str | None = None
    options: Annotated[list[str], Field(max_length=MAX_OPTIONS)] | None = None


class AnalysisMappingIn(Strict):
    """A value of a conversation's analysis goes into a contact field. The last six members are ours, beyond Retell."""

    analysis_data_name: str
    field_name: str
    update_mode: UpdateModeName
    only_agents: Annotated[list[str], Field(max_length=100)] | None = None
    only_directions: Annotated[list[str], Field(max_length=2)] | None = None
    only_if_successful: bool | None = None
    min_confidence: Number | None = None
    merge_strategy: Literal["facts", "rewrite"] | None = None
    max_characters: Whole | None = None


class ContactTagIn(Strict):
    """A tag that contacts can bear."""

    id: str
    label: str


class ContactMemoryConfigIn(Strict):
    """Named as Retell's on agents. `enable_update`: conversations add to their contact's memory when they end."""

    enable_update: bool | None = None


class UpdateCrmConfig(Strict):
    """Members that are not sent stay; a list replaces its list."""

    app_id: str | None = None
    custom_fields: Annotated[list[CustomFieldIn], Field(max_length=MAX_FIELDS)] = Field(default=[])
    crm_analysis_data_mappings: Annotated[list[AnalysisMappingIn], Field(max_length=MAX_MAPPINGS)] = Field(
        default=[]
    )
    contact_columns_order: Annotated[list[str], Field(max_length=MAX_COLUMNS)] = Field(default=[])
    contact_tags: Annotated[list[ContactTagIn], Field(max_length=MAX_TAGS)] | None = None
    contact_memory_update_prompt: str | None = None
    contact_memory_config: ContactMemoryConfigIn | None = None
