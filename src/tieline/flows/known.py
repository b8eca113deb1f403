"""Loads and locks what a plan must know about the records at hand. Reads only; plans decide."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace

from tieline.domain.board import Known
from tieline.domain.changeset import LinkState, LinkStatus
from tieline.domain.identity import Numbers
from tieline.domain.mapping import MappingSet
from tieline.domain.plan_creating import in_flight, intent_from_json
from tieline.domain.plan_inbound import numbers_of
from tieline.domain.records import RemoteRecord
from tieline.ports.clock import to_ms
from tieline.ports.store import UnitOfWork


async def known_of_records(
    uow: UnitOfWork,
    org_id: str,
    app_id: str,
    tenant_key: str,
    records: Sequence[RemoteRecord],
    mapping: MappingSet,
    region: str,
) -> Known:
    """What `plan_inbound` needs for a page of records, locked until the unit of work ends."""
    wanted = {r.external_id for r in records} | {ext for r in records for ext in r.merged_ids}
    links = dict(await uow.links(org_id, tenant_key, wanted, lock=True))
    numbers = {r.external_id: numbers_of(r, mapping, region) for r in records}
    merged = {ext for r in records for ext in r.merged_ids}
    return await _complete(uow, org_id, app_id, tenant_key, links, numbers, merged)


async def known_of_links(
    uow: UnitOfWork,
    org_id: str,
    app_id: str,
    tenant_key: str,
    external_ids: Collection[str],
    *,
    leaving: bool = False,
) -> Known:
    """The same for records by id alone. `leaving`: they may give up their numbers, so those who wait are needed."""
    links = dict(await uow.links(org_id, tenant_key, external_ids, lock=True))
    known = await _complete(uow, org_id, app_id, tenant_key, links, {})
    if not leaving:
        return known
    numbers = {c.phone_number for c in known.contacts.values()}
    numbers |= {number for link in known.links.values() for number in link.phones[:1]}
    waiting = await _waiting(uow, org_id, tenant_key, numbers)
    return Known(
        known.links,
        known.contacts,
        known.by_number,
        known.by_alias,
        known.primaries,
        waiting,
        known.open_causes,
    )


async def sweep_soon(uow: UnitOfWork, org_id: str, app_id: str, tenant_key: str) -> None:
    """A record was not found under its id: the next run asks at once what became of it."""
    state = await uow.read_state(org_id, app_id, "removals", tenant_key)
    if state.completed_at is not None:
        await uow.save_read_state(org_id, app_id, "removals", tenant_key, replace(state, completed_at=None))


async def _complete(
    uow: UnitOfWork,
    org_id: str,
    app_id: str,
    tenant_key: str,
    links: dict[str, LinkState],
    numbers: Mapping[str, Numbers],
    merged: Collection[str] = (),
) -> Known:
    asked = {number for n in numbers.values() for number in n.usable}
    by_number, by_alias = await uow.contact_ids_by_phone(org_id, asked)
    contact_ids = {link.contact_id for link in links.values() if link.contact_id}
    contact_ids |= {*by_number.values(), *by_alias.values()}
    # The locks come first: what is read before them may be written over by whoever held them.
    contacts = await uow.contacts(org_id, contact_ids, lock=True)
    primaries = await uow.open_links(org_id, tenant_key, contact_ids)
    for link in primaries.values():
        links.setdefault(link.external_id, link)
    # Records that once spoke for a contact nobody speaks for now: whoever takes it must not inherit their sentences.
    unspoken = contact_ids - primaries.keys()
    former = await uow.former_links(org_id, tenant_key, unspoken) if unspoken else ()
    if former:
        locked = await uow.links(org_id, tenant_key, [link.external_id for link in former], lock=True)
        links = {**locked, **links}
    created = await uow.creations.unanswered(org_id, tenant_key, unspoken) if unspoken else ()
    leaving = _numbers_left(links, numbers, {c: s.phone_number for c, s in contacts.items()})
    leaving |= _numbers_shared(links, numbers, by_number, primaries)
    owners = {link.contact_id for ext, link in links.items() if ext in merged and link.contact_id}
    leaving |= {contacts[owner].phone_number for owner in owners if owner in contacts}
    sharing = await _waiting(uow, org_id, tenant_key, leaving)
    causes = await uow.open_causes(org_id, app_id, list(links), list(contact_ids))
    return Known(
        links=links,
        contacts=contacts,
        by_number=by_number,
        by_alias=by_alias,
        primaries={contact_id: link.external_id for contact_id, link in primaries.items()},
        sharing=sharing,
        open_causes=causes,
        created={
            row.contact_id: in_flight(intent_from_json(row.intent), to_ms(row.intent_at))
            for row in created
            if row.intent is not None and row.intent_at is not None
        },
    )


async def _waiting(
    uow: UnitOfWork, org_id: str, tenant_key: str, numbers: Collection[str]
) -> Sequence[LinkState]:
    """Records that wait behind others for these numbers, locked."""
    if not numbers:
        return ()
    found = await uow.records_with_phones(org_id, tenant_key, numbers)
    if not found:
        return ()
    locked = await uow.links(org_id, tenant_key, [link.external_id for link in found], lock=True)
    return [*locked.values()]


def _numbers_shared(
    links: Mapping[str, LinkState],
    numbers: Mapping[str, Numbers],
    by_number: Mapping[str, str],
    primaries: Mapping[str, LinkState],
) -> set[str]:
    """Numbers for which a record at hand waits, waited, or may have to wait behind another."""
    shared: set[str] = set()
    for external_id, seen in numbers.items():
        link = links.get(external_id)
        if link is not None and link.status is LinkStatus.SHARED:
            shared.update(link.phones[:1])
        if seen.first is not None and seen.first in by_number:
            primary = primaries.get(by_number[seen.first])
            if primary is not None and primary.external_id != external_id:
                shared.add(seen.first)
    return shared


def _numbers_left(
    links: Mapping[str, LinkState], numbers: Mapping[str, Numbers], owned: Mapping[str, str]
) -> set[str]:
    """Numbers of contacts whose primary record now shows another one."""
    left = set()
    for external_id, seen in numbers.items():
        link = links.get(external_id)
        if link is None or link.status is not LinkStatus.OPEN or link.contact_id is None:
            continue
        number = owned.get(link.contact_id)
        if number is not None and seen.mapped is not None and seen.mapped != number:
            left.add(number)
    return left
