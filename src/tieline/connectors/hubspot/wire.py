"""HubSpot's JSON, tamed at the border: bytes in, typed structs and our records out.

An answer that does not have the promised shape is a `MalformedAnswerError`, never a guess and never an empty
success. Nothing past this module may look at HubSpot's raw JSON.
"""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any, Generic, TypeVar

import msgspec

from tieline.connectors.hubspot.error_body import named
from tieline.connectors.hubspot.types import Raw, read_value
from tieline.domain.crm_schema import CrmField
from tieline.domain.records import RemoteRecord
from tieline.ports.crm import Response
from tieline.ports.errors import MalformedAnswerError

S = TypeVar("S")

MERGED_INTO = "hs_merged_object_ids"
MERGED_AT = "hs_calculated_merged_vids"
UPDATED_BY = "hs_updated_by_user_id"
MODIFIED = "lastmodifieddate"
OBJECT_ID = "hs_object_id"

BOOKKEEPING = (MODIFIED, MERGED_INTO, MERGED_AT, UPDATED_BY)
"""Properties that every read asks for besides the mapped ones."""


class CrmObject(msgspec.Struct):
    """A contact, call or communication. Property values are strings or null on the wire; others are let
    through."""

    id: str
    properties: dict[str, Raw] = {}
    createdAt: str | None = None  # noqa: N815
    updatedAt: str | None = None  # noqa: N815
    archived: bool = False
    archivedAt: str | None = None  # noqa: N815


class Next(msgspec.Struct):
    """Where the next page starts."""

    after: str | int


class Paging(msgspec.Struct):
    """Present with `next` as long as there are more pages."""

    next: Next | None = None


class ObjectPage(msgspec.Struct):
    """An answer of list or search."""

    results: list[CrmObject]
    paging: Paging | None = None

    @property
    def after(self) -> str | None:
        """The cursor of the next page, or None on the last one."""
        following = self.paging.next if self.paging else None
        return None if following is None else str(following.after)


class BatchError(msgspec.Struct):
    """What a 207 says of some inputs. `context` names them (`ids`, `id`, `objectWriteTraceId`)."""

    category: str = ""
    message: str = ""
    subCategory: Any = None  # noqa: N815
    context: dict[str, Any] = {}
    errors: list[dict[str, Any]] = []

    def ids(self) -> Iterator[str]:
        """The ids of the inputs that this error is about."""
        yield from named(self.context, "ids", "id", "objectId")


class BatchAnswer(msgspec.Struct):
    """An answer of a batch endpoint, 200, 201 or 207."""

    results: list[CrmObject]
    errors: list[BatchError] = []


class Association(msgspec.Struct):
    """One associated object."""

    toObjectId: str | int  # noqa: N815


class AssociationPage(msgspec.Struct):
    """A page of a record's associations."""

    results: list[Association]
    paging: Paging | None = None

    @property
    def after(self) -> str | None:
        """The cursor of the next page, or None on the last one."""
        following = self.paging.next if self.paging else None
        return None if following is None else str(following.after)


class Option(msgspec.Struct):
    """One entry of an enumeration."""

    value: str
    label: str | None = None
    hidden: bool = False


class ModificationMetadata(msgspec.Struct):
    """What may be done with a property."""

    readOnlyValue: bool = False  # noqa: N815


class Property(msgspec.Struct):
    """One property definition."""

    name: str
    type: str = "string"
    label: str | None = None
    fieldType: str = ""  # noqa: N815
    description: str | None = None
    options: list[Option] = []
    calculated: bool = False
    externalOptions: bool = False  # noqa: N815
    hasUniqueValue: bool = False  # noqa: N815
    hidden: bool = False
    modificationMetadata: ModificationMetadata | None = None  # noqa: N815


class PropertyList(msgspec.Struct):
    """All property definitions of an object type."""

    results: list[Property]


class TokenAnswer(msgspec.Struct):
    """A success of the token endpoint."""

    access_token: str
    expires_in: int | None = None
    refresh_token: str | None = None
    hub_id: int | str | None = None
    user_id: int | str | None = None


class AccountAnswer(msgspec.Struct):
    """Account details, of the dated path and of its predecessor."""

    portalId: int | str  # noqa: N815
    timeZone: str | None = None  # noqa: N815


class Decoder(Generic[S]):
    """Reads one kind of answer."""

    def __init__(self, kind: type[S]) -> None:
        self._decoder = msgspec.json.Decoder(kind)
        self._name = kind.__name__

    def __call__(self, response: Response) -> S:
        """The answer's content. Raises MalformedAnswerError; `maybe_applied` is for the caller of a write to
        say."""
        try:
            return self._decoder.decode(response.body)
        except (msgspec.DecodeError, UnicodeDecodeError) as problem:
            raise MalformedAnswerError(
                "HubSpot's answer was empty, cut off or of another shape than promised; it is asked again.",
                detail=f"{len(response.body)} bytes, no {self._name}: {problem}",
            ) from problem


object_page = Decoder(ObjectPage)
one_object = Decoder(CrmObject)
batch_answer = Decoder(BatchAnswer)
association_page = Decoder(AssociationPage)
property_list = Decoder(PropertyList)
token_answer = Decoder(TokenAnswer)
account_answer = Decoder(AccountAnswer)


def epoch_ms(text: Raw) -> int | None:
    """Milliseconds since the epoch of an ISO time or of digits; None for anything else."""
    if text is None or isinstance(text, bool):
        return None
    if isinstance(text, int | float):
        return int(text)
    if text.lstrip("-").isdigit():
        return int(text)
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    since = moment - datetime(1970, 1, 1, tzinfo=UTC)
    return (since.days * 86_400 + since.seconds) * 1000 + since.microseconds // 1000


def crm_clock_ms(response: Response) -> int:
    """The CRM's clock as its `Date` header tells it (whole seconds, rounded down), else our own at the
    request's start."""
    try:
        moment = parsedate_to_datetime(response.headers.get("date", ""))
    except ValueError:
        moment = response.requested_at
    return int(moment.timestamp()) * 1000


def modified_ms(found: CrmObject) -> int:
    """The stamp that HubSpot sorts and filters contacts by."""
    stamp = epoch_ms(found.properties.get(MODIFIED))
    if stamp is None:
        stamp = epoch_ms(found.updatedAt)
    if stamp is None:
        raise MalformedAnswerError(
            "HubSpot returned a contact without a modified time.", detail=f"contact {found.id}"
        )
    return stamp


def merged_ids(found: CrmObject) -> tuple[str, ...]:
    """The ids of records merged into this one, from both properties that name them."""
    if not found.properties.get(MERGED_INTO) and not found.properties.get(MERGED_AT):
        return ()
    listed = [part.strip() for part in str(found.properties.get(MERGED_INTO) or "").split(";")]
    listed += [
        part.partition(":")[0].strip() for part in str(found.properties.get(MERGED_AT) or "").split(";")
    ]
    return tuple(dict.fromkeys(one for one in listed if one and one != found.id))


def merge_times(found: CrmObject) -> dict[str, int]:
    """When each record was merged into this one, as far as `id:epochms;...` tells."""
    times: dict[str, int] = {}
    for part in str(found.properties.get(MERGED_AT) or "").split(";"):
        merged, _, at = part.strip().partition(":")
        if merged and at.isdigit():
            times[merged] = int(at)
    return times


def record(found: CrmObject, fields: Sequence[CrmField]) -> RemoteRecord:
    """Our record. HubSpot silently leaves out a property that it does not know, so a missing key stays
    missing (absent); a defined and empty one comes as null."""
    properties = found.properties
    by = properties.get(UPDATED_BY)
    modified = modified_ms(found)
    created = epoch_ms(found.createdAt)
    return RemoteRecord(
        external_id=found.id,
        created_ms=modified if created is None else created,
        modified_ms=modified,
        values={
            field.name: read_value(properties[field.name], field)
            for field in fields
            if field.name in properties
        },
        modified_by=str(by) if by else None,
        merged_ids=merged_ids(found),
    )


def property_names(fields: Sequence[CrmField]) -> list[str]:
    """The properties to ask for: the mapped ones and our bookkeeping, each once."""
    return list(dict.fromkeys([*(field.name for field in fields), *BOOKKEEPING]))
