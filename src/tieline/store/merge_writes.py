"""Carries out merges of contacts and their undoing, and lists aliases that came to stand for several contacts.

Part of a unit of work's `apply`; every statement takes all merges of the changeset at once. Decides nothing.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from psycopg.types.json import Jsonb

from tieline.domain.changeset import Changeset, ContactMerge, ContactUnmerge, IssueNote
from tieline.domain.merges import alias_cause, ambiguous_alias
from tieline.store.pool import Connection, Queries

_sql = Queries("flows")


async def end_merged(connection: Connection, org_id: str, merges: Sequence[ContactMerge]) -> None:
    """The losers let go of their numbers; their ids resolve to the survivors from now on."""
    await _run(
        connection,
        org_id,
        ("merge_record", "merge_details", "merge_counts", "merge_contacts"),
        _merge_rows(merges),
    )


async def move_merged(connection: Connection, org_id: str, merges: Sequence[ContactMerge]) -> None:
    """What hangs on the losers moves, once the links that the plan closes are closed."""
    moves = ("conversation", "activity", "creation", "link", "aliases", "issue")
    await _run(connection, org_id, [f"merge_move_{kind}" for kind in moves], _merge_rows(merges))


async def undo_merges(connection: Connection, org_id: str, unmerges: Sequence[ContactUnmerge]) -> None:
    """The losers are contacts again, with what was theirs. Survivors have given their numbers back by now."""
    undone = [
        {
            "survivor_id": u.survivor_id, "loser_id": u.loser_id, "numbers": list(u.numbers),
            "dropped": list(u.dropped),
        }
        for u in unmerges
    ]  # fmt: skip
    parts = ("contacts", "activities", "links", "aliases", "issues", "record")
    await _run(connection, org_id, [f"unmerge_{part}" for part in parts], undone)


async def ambiguous(
    connection: Connection, org_id: str, changeset: Changeset
) -> tuple[Sequence[IssueNote], Sequence[str]]:
    """Issues about aliases that have become ambiguous, and the causes of those that are not any more."""
    touched = {alias.phone_number for alias in changeset.aliases}
    touched |= {number for _, number in changeset.dropped_aliases}
    merged = {m.loser_id for m in changeset.contact_merges}
    merged |= {u.loser_id for u in changeset.contact_unmerges}
    key: dict[str, Any] = {"org_id": org_id, "contact_ids": list(merged)}
    if merged:
        found = await (await connection.execute(_sql["numbers_of_contacts"], key)).fetchall()
        touched |= {row["phone_number"] for row in found}
    if not touched:
        return (), ()
    key = {"org_id": org_id, "phones": list(touched)}
    rows = await (await connection.execute(_sql["ambiguous_aliases"], key)).fetchall()
    notes = [ambiguous_alias(row["phone_number"], row["contact_ids"]) for row in rows]
    open_ones = {note.cause for note in notes}
    return notes, [cause for cause in map(alias_cause, sorted(touched)) if cause not in open_ones]


def _merge_rows(merges: Sequence[ContactMerge]) -> list[dict[str, Any]]:
    return [
        {"survivor_id": m.survivor_id, "loser_id": m.loser_id, "reason": m.reason, "filled": dict(m.filled)}
        for m in merges
    ]


async def _run(
    connection: Connection, org_id: str, names: Sequence[str], rows: Sequence[Mapping[str, Any]]
) -> None:
    if rows:
        for name in names:
            await connection.execute(_sql[name], {"org_id": org_id, "rows": Jsonb(rows)})
