"""Issues: what needs a person, kept with the value as it came until it is resolved.

Flows open and close issues by their cause, in their own units of work; here people list, close and replay them.
This module must never lose a raw value.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal, TypeAlias

from tieline.domain.review import NOT_REPLAYABLE
from tieline.ports.clock import Ids
from tieline.ports.jobs import JobQueue, Wake, WakeKind
from tieline.store.pool import Connection, Pool, Queries

State: TypeAlias = Literal["open", "closed", "all"]
_sql = Queries("issues")


@dataclass(frozen=True, slots=True)
class Issue:
    """One issue. `raw` is the value as it came; `occurrences` counts how often it was met."""

    org_id: str
    issue_id: str
    cause: str
    kind: str
    severity: str
    message: str
    app_id: str | None
    external_id: str | None
    contact_id: str | None
    field_name: str | None
    raw: Any
    run_id: str | None
    occurrences: int
    opened_at: datetime
    last_seen_at: datetime
    closed_at: datetime | None
    closed_because: str | None


@dataclass(frozen=True, slots=True)
class IssueFilter:
    """Which issues: None does not restrict. `after_id` continues behind an issue of the same list."""

    state: State = "open"
    app_id: str | None = None
    run_id: str | None = None
    contact_id: str | None = None
    kind: str | None = None
    after_id: str | None = None
    limit: int = 100


@dataclass(frozen=True, slots=True)
class Replay:
    """Which open issues to replay: None does not restrict."""

    kind: str | None = None
    app_id: str | None = None
    issue_ids: Sequence[str] | None = None


class Issues:
    """An organisation's issues."""

    def __init__(self, pool: Pool, jobs: JobQueue, ids: Ids) -> None:
        self._pool = pool
        self._jobs = jobs
        self._ids = ids

    async def find(self, org_id: str, which: IssueFilter = IssueFilter()) -> list[Issue]:
        """Issues, newest first."""
        names = ("state", "app_id", "run_id", "contact_id", "kind", "after_id", "limit")
        values = {"org_id": org_id, **{name: getattr(which, name) for name in names}}
        return [_issue(row) for row in await self._rows("list", values)]

    async def get(self, org_id: str, issue_id: str) -> Issue | None:
        """The issue of that id, open or closed."""
        rows = await self._rows("get", {"org_id": org_id, "issue_id": issue_id})
        return _issue(rows[0]) if rows else None

    async def close(self, org_id: str, issue_id: str, because: str) -> Issue | None:
        """The issue, closed by a person; None if there is no such open one. It opens again if it is met again."""
        values = {"org_id": org_id, "issue_id": issue_id, "because": because}
        rows = await self._rows("close", values)
        return _issue(rows[0]) if rows else None

    async def raise_for_app(
        self, org_id: str, app_id: str, kind: str, message: str, *, severity: str = "error"
    ) -> None:
        """An issue with a whole app, one for each kind, however often it is met."""
        values = {
            "org_id": org_id, "app_id": app_id, "issue_id": self._ids.new("issue"), "kind": kind,
            "cause": f"app:{app_id}:{kind}", "message": message, "severity": severity, "run_id": None,
        }  # fmt: skip
        async with self._pool.connection() as conn:
            await conn.execute(_sql["open"], values)

    async def settle_for_app(self, org_id: str, app_id: str, kind: str, because: str) -> None:
        """Closes an app's issue of that kind, if there is one."""
        values = {"org_id": org_id, "cause": f"app:{app_id}:{kind}", "because": because}
        async with self._pool.connection() as conn:
            await conn.execute(_sql["close_cause"], values)

    async def counts(self, org_id: str, app_id: str | None = None) -> dict[str, int]:
        """How many are open, by kind."""
        rows = await self._rows("count_open", {"org_id": org_id, "app_id": app_id})
        return {row["kind"]: row["number"] for row in rows}

    async def replay(self, org_id: str, issue_id: str) -> Issue | None:
        """Has what the issue is about done again; None if there is no such open issue.

        The issue stays open: the flow that meets no problem any more closes it.
        """
        issue = await self.get(org_id, issue_id)
        if issue is None or issue.closed_at is not None:
            return None
        await self.replay_all(org_id, Replay(issue_ids=(issue_id,)))
        return issue

    async def replay_all(self, org_id: str, which: Replay) -> list[str]:
        """The same for all open issues that fit; the ids of those of which something can be done again."""
        async with self._pool.connection() as conn, conn.transaction():
            return await replay_on(conn, self._jobs, org_id, which)

    async def _rows(self, query: str, values: Mapping[str, object]) -> list[dict[str, Any]]:
        async with self._pool.connection() as conn:
            return await (await conn.execute(_sql[query], values)).fetchall()


def _issue(row: Mapping[str, Any]) -> Issue:
    return Issue(**row)


async def replay_on(connection: Connection, jobs: JobQueue, org_id: str, which: Replay) -> list[str]:
    """Takes away what blocks the work that these issues are about, and wakes for it, in a transaction."""
    wanted = {
        "org_id": org_id, "kind": which.kind, "app_id": which.app_id, "never": list(NOT_REPLAYABLE),
        "issue_ids": None if which.issue_ids is None else list(which.issue_ids),
    }  # fmt: skip
    found = await (await connection.execute(_sql["replayable"], wanted)).fetchall()
    ids = [row["issue_id"] for row in found]
    if not ids:
        return []
    key = {"org_id": org_id, "issue_ids": ids}
    for part in ("links", "activities", "creations"):
        await connection.execute(_sql[f"replay_{part}"], key)
    extractions = await connection.execute(_sql["replay_extractions"], key)
    conversations = await connection.execute(_sql["replay_conversations"], key)
    apps = {row["app_id"] for row in await (await connection.execute(_sql["replay_apps"], key)).fetchall()}
    kinds = (WakeKind.INBOUND, WakeKind.PUSH, WakeKind.ACTIVITY)
    wakes = [Wake(kind, org_id, app_id) for app_id in sorted(apps) for kind in kinds]
    if conversations.rowcount:
        wakes.append(Wake(WakeKind.ANALYSIS, org_id))
    if extractions.rowcount:
        wakes.append(Wake(WakeKind.EXTRACTION, org_id))
    await jobs.enqueue(connection, wakes)
    return ids
