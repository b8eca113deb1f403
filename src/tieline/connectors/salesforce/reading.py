"""Reading contacts by SOQL: keyset pages in id order and in order of change, by id, by phone digits, and
removals.

No read may use OFFSET or a `>` on a timestamp alone: both lose records.
"""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Final

from tieline.connectors.salesforce.types import decode_value
from tieline.connectors.salesforce.wire import (
    PAGE_LIMIT,
    SOQL_BYTES,
    Row,
    chunks_within,
    crm_now,
    full_id,
    is_id,
    literal,
    moment,
    names,
    parse_moment,
    select_all,
    select_page,
)
from tieline.domain import instants
from tieline.domain.crm_schema import CrmField
from tieline.domain.records import RemoteRecord, Removal
from tieline.ports.crm import Json, Operation, Page, RemovalsPage
from tieline.ports.errors import CursorGoneError, MalformedAnswerError

SYSTEM_FIELDS: Final = ("Id", "CreatedDate", "SystemModstamp", "LastModifiedById")
# A row gets its stamp before it is committed and seen, so a late commit appears behind us. No transaction of
# Salesforce's own lasts longer than its ten-minute limit; each increment reads that much again.
SAFETY_LAG: Final = timedelta(minutes=10)
# Stamps and Date headers come from different machines; what is later than this waits for the next increment.
CLOCK_SLACK: Final = timedelta(minutes=5)
# How long the recycle bin keeps what was deleted.
BIN_DAYS: Final = timedelta(days=15)
READ_BATCH: Final = 200
# Enough trailing digits to be rare, few enough to survive national prefixes (0, 1, 8, 15) and country codes.
_TAIL_DIGITS: Final = 8


def select_contacts(fields: Sequence[CrmField]) -> str:
    """`SELECT ... FROM Contact` with the asked fields and those that every record needs."""
    return f"SELECT {names([*SYSTEM_FIELDS, *(field.name for field in fields)])} FROM Contact"


def watermark_after(started: datetime) -> str:
    """Where the next increment begins after a read that began at that moment of the CRM's clock."""
    return moment(started - SAFETY_LAG)


def record_of(row: Row, fields: Sequence[CrmField]) -> RemoteRecord:
    """A row as our record. A field that the row does not have stays absent."""
    by = row.get("LastModifiedById")
    try:
        return RemoteRecord(
            external_id=full_id(str(row["Id"])),
            created_ms=_ms(row["CreatedDate"]),
            modified_ms=_ms(row["SystemModstamp"]),
            values={
                field.name: decode_value(row[field.name], field) for field in fields if field.name in row
            },
            modified_by=full_id(by) if isinstance(by, str) and by else None,
        )
    except (KeyError, ValueError) as error:
        raise MalformedAnswerError(f"Salesforce returned a contact without {error}.") from None


def read_by_id_order(fields: Sequence[CrmField], cursor: Json, page_size: int) -> Operation[Page]:
    """A page of a full read in id order: what is done where there is no Bulk API. `cursor` is `{after,
    started}`.
    """
    after = cursor.get("after")
    condition = f" WHERE Id > {literal(str(after))}" if after else ""
    limit = _limit(page_size)
    rows, last, response = yield from select_page(f"{select_contacts(fields)}{condition} ORDER BY Id", limit)
    records = [record_of(row, fields) for row in rows]
    started = str(cursor.get("started") or moment(crm_now(response)))
    if last:
        return Page(records, None, watermark_after(_instant(started)), response.requested_at)
    return Page(records, {"after": records[-1].external_id, "started": started}, None, response.requested_at)


def read_sample(fields: Sequence[CrmField], number: int) -> Operation[Page]:
    """The newest records by id."""
    rows, _, response = yield from select_page(f"{select_contacts(fields)} ORDER BY Id DESC", _limit(number))
    return Page([record_of(row, fields) for row in rows], None, None, response.requested_at)


def read_changes(
    fields: Sequence[CrmField], watermark: str, cursor: Json | None, page_size: int
) -> Operation[Page]:
    """A page in order of (SystemModstamp, Id), from the watermark on.

    The first page has no upper bound, so that nothing of this very second is missed; later ones end shortly
    after the moment the read began, so that a busy organisation cannot keep it going for ever.
    """
    condition = _since(watermark) if cursor is None else _beyond(cursor)
    soql = f"{select_contacts(fields)} WHERE {condition} ORDER BY SystemModstamp, Id"
    rows, last, response = yield from select_page(soql, _limit(page_size))
    records = [record_of(row, fields) for row in rows]
    started = moment(crm_now(response)) if cursor is None else str(cursor["started"])
    if last:
        return Page(records, None, watermark_after(_instant(started)), response.requested_at)
    return Page(records, _place(rows[-1], started), None, response.requested_at)


def read_removals(watermark: str | None, cursor: Json | None) -> Operation[RemovalsPage]:
    """A page of the recycle bin (15 days) in order of deletion; merged losers name their survivor.

    A delete moves SystemModstamp, so this is read like changes are. Raises CursorGoneError for a watermark from
    before the bin's time: then only a full read can tell what is gone.
    """
    condition = "IsDeleted = true"
    if cursor is not None:
        condition += f" AND {_beyond(cursor)}"
    elif watermark is not None:
        condition += f" AND {_since(watermark)}"
    select = "SELECT Id, MasterRecordId, SystemModstamp FROM Contact"
    soql = f"{select} WHERE {condition} ORDER BY SystemModstamp, Id"
    rows, last, response = yield from select_page(soql, PAGE_LIMIT, deleted=True)
    if watermark is not None and crm_now(response) - _instant(watermark) > BIN_DAYS:
        raise CursorGoneError("Salesforce keeps deletes for 15 days, and the last sweep is longer ago.")
    removals = [_removal(row) for row in rows]
    started = moment(crm_now(response)) if cursor is None else str(cursor["started"])
    if last:
        return RemovalsPage(removals, None, watermark_after(_instant(started)))
    return RemovalsPage(removals, _place(rows[-1], started), None)


def read_by_ids(fields: Sequence[CrmField], ids: Sequence[str]) -> Operation[Page]:
    """The live values of these records, in requests that fit the CRM's address limit."""
    wanted = [literal(one) for one in dict.fromkeys(full_id(one) for one in ids if is_id(one))]
    if len(wanted) > READ_BATCH:
        raise ValueError(f"at most {READ_BATCH} records can be read at once")
    select = select_contacts(fields)
    records: list[RemoteRecord] = []
    # Of no record at all nothing can be stale: then the page is as old as can be.
    requested_at: datetime | None = None
    for chunk in chunks_within(wanted, SOQL_BYTES - 3 * len(select), READ_BATCH):
        rows, response = yield from select_all(f"{select} WHERE Id IN ({','.join(chunk)})")
        records += [record_of(row, fields) for row in rows]
        requested_at = requested_at or response.requested_at
    return Page(records, None, None, requested_at or datetime(1970, 1, 1, tzinfo=UTC))


def find_by_phone(fields: Sequence[CrmField], e164: str, phone_fields: Sequence[str]) -> Operation[Page]:
    """Records of which a phone field ends in this number's digits, whatever stands between them."""
    digits = "".join(c for c in e164 if c.isascii() and c.isdigit())[-_TAIL_DIGITS:]
    if not digits or not phone_fields:
        raise ValueError("a search by phone needs digits and at least one field")
    pattern = literal(f"%{'%'.join(digits)}%")
    condition = " OR ".join(f"{name} LIKE {pattern}" for name in names(phone_fields).split(", "))
    soql = f"{select_contacts(fields)} WHERE {condition} ORDER BY Id"
    rows, response = yield from select_all(soql)
    return Page([record_of(row, fields) for row in rows], None, None, response.requested_at)


def _since(watermark: str) -> str:
    try:
        return f"SystemModstamp >= {moment(parse_moment(watermark))}"
    except ValueError:
        raise CursorGoneError("The saved watermark cannot be read.") from None


def _beyond(cursor: Mapping[str, object]) -> str:
    """After the cursor's place, in a form whose first part is a range on an indexed field."""
    stamp, until = (
        moment(_instant(cursor.get("stamp"))),
        moment(_instant(cursor.get("started")) + CLOCK_SLACK),
    )
    return (
        f"SystemModstamp >= {stamp} AND SystemModstamp <= {until}"
        f" AND (SystemModstamp > {stamp} OR Id > {literal(str(cursor.get('id')))})"
    )


def _place(row: Row, started: str) -> Json:
    return {"stamp": moment(_instant(row.get("SystemModstamp"))), "id": str(row["Id"]), "started": started}


def _removal(row: Row) -> Removal:
    survivor = row.get("MasterRecordId")
    try:
        return Removal(
            full_id(str(row["Id"])),
            _ms(row["SystemModstamp"]),
            full_id(survivor) if isinstance(survivor, str) and survivor else None,
        )
    except (KeyError, ValueError) as error:
        raise MalformedAnswerError(f"Salesforce returned a deleted contact without {error}.") from None


def _instant(text: object) -> datetime:
    try:
        return parse_moment(text)
    except ValueError:
        raise CursorGoneError("The saved place of this read cannot be read.") from None


def _ms(text: object) -> int:
    return instants.epoch_ms(parse_moment(text))


def _limit(page_size: int) -> int:
    return max(1, min(page_size, PAGE_LIMIT))
