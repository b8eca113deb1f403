"""Steps that the conformance tests share: drain a read, collect its records, expect an error. Nothing asserts here."""

import json
from collections.abc import AsyncIterator, Awaitable, Mapping, Sequence
from typing import TypeVar

import pytest

from tieline.domain.crm_schema import CrmField
from tieline.domain.records import RemoteRecord, Removal
from tieline.domain.values import Value
from tieline.ports.crm import Capability, CrmSession, Json, Page
from tieline.ports.errors import CrmError
from tieline.testing.world import World

E = TypeVar("E", bound=CrmError)

_MOST_STEPS = 500


def needs(session: CrmSession, capability: Capability) -> None:
    """Skips the test when the connector does not declare the capability."""
    spec = session.connector.spec
    if capability not in spec.capabilities:
        pytest.skip(f"the connector for {spec.label} declares no {capability.value}")


async def fields_of(session: CrmSession, world: World) -> dict[str, CrmField]:
    """The world's fields as the connector describes them."""
    schema = await session.run(session.connector.describe())
    return {name: schema.fields[name] for name in world.fields.names()}


def person(world: World, nth: int, /, **more: Value) -> dict[str, Value]:
    """The values of a made-up person; `more` is by the attribute names of `WorldFields`."""
    names = world.fields
    values: dict[str, Value] = {
        names.phone: f"+1415555{nth:04d}",
        names.first_name: f"Ada{nth}",
        names.last_name: "Conformance",
    }
    return values | {getattr(names, name): value for name, value in more.items()}


def if_there(name: str | None, value: Value) -> dict[str, Value]:
    """The value of a field of a kind that not every CRM has."""
    return {} if name is None else {name: value}


def stored(cursor: Json | None) -> Json | None:
    """A cursor as a store gives it back."""
    back: Json | None = json.loads(json.dumps(cursor))
    return back


async def full_read(
    session: CrmSession, fields: Sequence[CrmField], page_size: int
) -> tuple[list[RemoteRecord], str]:
    """A whole full read: its records as they came, and the watermark."""
    records: list[RemoteRecord] = []
    watermark: str | None = None
    async for page in full_pages(session, fields, page_size):
        records += page.records
        watermark = page.watermark
    if watermark is None:
        raise AssertionError("a full read ended without a watermark")
    return records, watermark


async def full_pages(
    session: CrmSession, fields: Sequence[CrmField], page_size: int, cursor: Json | None = None
) -> AsyncIterator[Page]:
    """The steps of a full read, also those that only say that the CRM is not ready; never waits."""
    for _ in range(_MOST_STEPS):
        page = await session.run(session.connector.read_all(fields, cursor, page_size))
        yield page
        cursor = stored(page.cursor)
        if cursor is None:
            return
    raise AssertionError("a full read does not end")


async def changes(
    session: CrmSession, fields: Sequence[CrmField], watermark: str, page_size: int
) -> tuple[list[RemoteRecord], str]:
    """A whole increment: its records as they came, and the next watermark."""
    records: list[RemoteRecord] = []
    cursor: Json | None = None
    for _ in range(_MOST_STEPS):
        page = await session.run(session.connector.read_changes(fields, watermark, cursor, page_size))
        records += page.records
        cursor = stored(page.cursor)
        if cursor is None:
            if page.watermark is None:
                raise AssertionError("an increment ended without a watermark")
            return records, page.watermark
    raise AssertionError("an increment does not end")


async def removals(session: CrmSession, watermark: str | None) -> tuple[list[Removal], str]:
    """A whole sweep: what is gone, and the next watermark."""
    found: list[Removal] = []
    cursor: Json | None = None
    for _ in range(_MOST_STEPS):
        page = await session.run(session.connector.read_removals(watermark, cursor))
        found += page.removals
        cursor = stored(page.cursor)
        if cursor is None:
            if page.watermark is None:
                raise AssertionError("a sweep ended without a watermark")
            return found, page.watermark
    raise AssertionError("a sweep does not end")


async def live(session: CrmSession, fields: Mapping[str, CrmField], external_id: str) -> RemoteRecord:
    """The live values of one record."""
    page = await session.run(session.connector.read_by_ids(list(fields.values()), [external_id]))
    if [record.external_id for record in page.records] != [external_id]:
        raise AssertionError(f"asked for {external_id}, got {[one.external_id for one in page.records]}")
    return page.records[0]


async def failing(kind: type[E], doing: Awaitable[object]) -> E:
    """The error of that class which `doing` must end in."""
    try:
        result = await doing
    except kind as error:
        return error
    raise AssertionError(f"expected {kind.__name__}, got {result!r}")
