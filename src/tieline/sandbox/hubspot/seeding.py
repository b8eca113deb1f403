"""Fills a portal with made-up contacts: the same count, seed and clock give the same records."""

import random
from collections.abc import Iterator

from tieline.sandbox.hubspot.derived import at_creation, recomputed
from tieline.sandbox.hubspot.portal import Portal
from tieline.sandbox.hubspot.records import Actor, Record, Snapshot
from tieline.sandbox.hubspot.shelf import Shelf
from tieline.sandbox.hubspot.wire import iso, to_ms
from tieline.sandbox.kernel.people import Person, generate_people

REP = Actor("CRM_UI", "userId:2000002", 2000002)
_LEAD_STATUSES = ("New", "Contacted", "Qualified", "Unqualified", "Nurturing")
_TIERS = ("tier_1", "tier_2", "tier_3", "")
_SPREAD_MS = 300 * 86_400_000
_LATEST_MS = 3_600_000
_MAX_STEP_MS = 60_000


def seed_contacts(portal: Portal, count: int, seed: int) -> list[int]:
    """Adds `count` contacts, created one after the other up to an hour ago; answers their ids."""
    shelf = portal.shelves["contacts"]
    rng = random.Random(seed)
    step = max(1, min(_MAX_STEP_MS, _SPREAD_MS // max(count, 1)))
    end = portal.now() - _LATEST_MS
    due = portal.now()
    ids: list[int] = []
    for person in generate_people(count, seed):
        created = end - (count - person.index) * step - 5 * step
        state = _state(portal, shelf, person, created, created + rng.randrange(1, 5 * step + 1))
        shelf.put(Record(state, REP), due)
        ids.append(state.id)
    shelf.index.settle(due)
    return ids


def _state(portal: Portal, shelf: Shelf, person: Person, created: int, modified: int) -> Snapshot:
    record_id = portal.next_id()
    props = {name: value for name, value in _values(person) if value}
    props |= {name: value for name, value in recomputed(shelf.kind, props, props).items() if value}
    props |= at_creation(shelf.kind, record_id, props, REP, iso(created))
    return Snapshot(record_id, props, created, modified)


def _values(person: Person) -> Iterator[tuple[str, str]]:
    yield "firstname", person.first_name
    yield "lastname", person.last_name
    yield "email", person.email
    yield "phone", person.phone
    yield "lead_status", _LEAD_STATUSES[person.lead_status % len(_LEAD_STATUSES)]
    yield "priority_tier", _TIERS[person.index % len(_TIERS)]
    yield "notes", person.note
    yield "score", str(person.score)
    yield "vip", "true" if person.vip else "false"
    if person.index % 50 == 7:
        yield "do_not_call", "true"
    yield "renewal_date", person.renewal_date.isoformat()
    yield "last_demo", iso(to_ms(person.last_demo))
    yield "plan", person.plan
    yield "interests", ";".join(name.lower() for name in person.interests)
