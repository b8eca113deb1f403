"""Between the domain's values and the rows that queries take and give. No SQL here, and no decision."""

from collections.abc import Iterable, Mapping
from typing import Any

from tieline.domain import link_state
from tieline.domain.changeset import (
    ContactChange,
    ContactState,
    FieldChange,
    LedgerOutcome,
    LinkState,
    LinkStatus,
    NewContact,
    Source,
    SourceKind,
)
from tieline.domain.contact_memory import CONTACT_MEMORY
from tieline.domain.fields import BUILTIN_FIELDS
from tieline.store.json_text import dump_json

BUILT_IN = tuple(name for name in BUILTIN_FIELDS if name != "phone_number")
_COLUMNS = frozenset({*BUILTIN_FIELDS, CONTACT_MEMORY})


def link_from_row(row: Mapping[str, Any]) -> LinkState:
    """A row of the link queries."""
    return LinkState(
        external_id=row["external_id"],
        contact_id=row["contact_id"],
        status=LinkStatus(row["status"]),
        phones=tuple(row["phones"]),
        raw_phone=row["raw_phone"],
        created_ms=row["created_ms"],
        stamp_ms=row["stamp_ms"],
        read_ms=row["read_ms"],
        confirmed_write_ms=row["confirmed_write_ms"] or 0,
        pairs=link_state.from_json(row["state"]),
        pinned=row["pinned"],
        needs_read=row["needs_read"],
        dirty=row["dirty"],
        merged_into=row["merged_into"],
        blocked=row["push_blocked"],
        push_attempts=row["push_attempts"],
        version=row["version"],
    )


def link_to_row(link: LinkState) -> dict[str, Any]:
    """What upsert_links.sql takes."""
    return {
        "external_id": link.external_id,
        "contact_id": link.contact_id,
        "status": link.status.value,
        "merged_into": link.merged_into,
        "pinned": link.pinned,
        "phones": link.phones,
        "raw_phone": link.raw_phone,
        "created_ms": link.created_ms,
        "stamp_ms": link.stamp_ms,
        "read_ms": link.read_ms,
        "confirmed_write_ms": link.confirmed_write_ms,
        "state": link_state.to_json(link.pairs),
        "needs_read": link.needs_read,
        "dirty": link.dirty,
        "push_attempts": link.push_attempts,
        "blocked": link.blocked,
    }


def contact_from_row(row: Mapping[str, Any]) -> ContactState:
    """A row of contacts.sql."""
    values = dict(row["custom_fields"])
    values.update((name, row[name]) for name in BUILT_IN if row[name] is not None)
    sources = {name: source_from_json(data) for name, data in row["sources"].items()}
    return ContactState(row["contact_id"], row["phone_number"], values, sources, row["version"])


def source_from_json(data: list[Any]) -> Source:
    """[kind, at, ref, from?] as a source."""
    return Source(SourceKind(data[0]), data[1], data[2], data[3] if len(data) > 3 else None)


def source_to_json(source: Source) -> list[Any]:
    """The reverse of `source_from_json`."""
    head = [source.kind.value, source.at_ms, source.ref]
    return head if source.from_ms is None else [*head, source.from_ms]


def new_contact_row(contact: NewContact) -> dict[str, Any]:
    """What insert_contacts.sql takes."""
    built_in, custom, _, sources = _final(contact.changes)
    return {
        "contact_id": contact.contact_id,
        "phone_number": contact.phone_number,
        **built_in,
        "custom_fields": custom,
        "sources": sources,
        "by_person": contact.by_person,
    }


def contact_change_row(change: ContactChange) -> dict[str, Any]:
    """What update_contacts.sql takes."""
    built_in, custom, cleared, sources = _final(change.changes)
    return {
        "contact_id": change.contact_id,
        "phone_number": change.phone_number,
        "built_in": built_in,
        "custom_fields": custom,
        "cleared": cleared,
        "sources": sources,
        "by_person": change.by_person,
    }


def changes_something(change: ContactChange) -> bool:
    """False for a change that only adds to the ledger."""
    stands = any(c.outcome is not LedgerOutcome.OVERRULED for c in change.changes)
    return stands or change.phone_number is not None


def ledger_rows(
    contact_id: str, changes: Iterable[FieldChange], app_id: str | None, run_id: str | None
) -> Iterable[tuple[Any, ...]]:
    """Rows for copy_ledger.sql, without the organisation in front."""
    for c in changes:
        yield (
            contact_id, c.field_name, c.field_id, c.outcome.value, _json(c.old), _json(c.new), c.source.kind.value,
            c.source.ref, app_id, run_id, c.source.at_ms, c.reason, _json(c.evidence),
        )  # fmt: skip


def _json(value: Any) -> str | None:
    """JSON text: for COPY, that is what a jsonb column takes, and no adapter has to be asked for each value."""
    return None if value is None else dump_json(value).decode()


def _final(
    changes: Iterable[FieldChange],
) -> tuple[dict[str, Any], dict[str, Any], list[str], dict[str, Any]]:
    """Built-in values, custom values, cleared custom fields and sources, as the changes leave them."""
    built_in: dict[str, Any] = {}
    custom: dict[str, Any] = {}
    sources: dict[str, Any] = {}
    source, shown = None, []
    for change in changes:
        if change.outcome is LedgerOutcome.OVERRULED:
            continue
        if change.standing is not source:
            source, shown = change.standing, source_to_json(change.standing)
        (built_in if change.field_name in _COLUMNS else custom)[change.field_name] = change.new
        sources[change.field_name] = shown
    kept = {name: value for name, value in custom.items() if value is not None}
    return built_in, kept, [name for name in custom if name not in kept], sources
