"""Dry runs of a house: what one told, to be held against what the run then does."""

from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

from tests.integration.flows.house import APP, ORG, House
from tests.support import url_of

from tieline.connectors.registry import get_connector
from tieline.domain.dry_run import Line
from tieline.flows.dry_running import Asked, DryRunning, Parts
from tieline.llm.offline import OfflineModel
from tieline.ports.config import AppConfig
from tieline.ports.crm import CrmSession
from tieline.ports.dry_run import DryRun
from tieline.ports.llm import MergeModel
from tieline.ports.store import Lane
from tieline.store.answers import KeptAnswersStore
from tieline.store.brake import PostgresBrakes
from tieline.store.dry_runs import DryRunReports
from tieline.store.figures import PostgresFigures
from tieline.store.quota import Quotas
from tieline.store.shadow import PostgresShadows


def dry_running(home: House, merger: MergeModel | None = None) -> DryRunning:
    """As `bootstrap` makes it."""

    async def session(app: AppConfig, lane: Lane) -> CrmSession:
        return await home.session()

    quotas = Quotas(home.pool, home.clock, get_connector)
    return DryRunning(
        Parts(
            PostgresShadows(url_of(home.pool), home.ids), DryRunReports(home.pool),
            PostgresFigures(home.pool, quotas, home.clock), home.store, PostgresBrakes(), home, session,
            merger or OfflineModel(), KeptAnswersStore(home.pool), home.clock, home.ids,
        )
    )  # fmt: skip


async def tried(home: House, asked: Asked, merger: MergeModel | None = None) -> tuple[DryRun, list[Line]]:
    """A dry run to its end, with all its lines."""
    lines: list[Line] = []

    async def tell(more: Sequence[Line]) -> None:
        lines.extend(more)

    running = dry_running(home, merger)
    return await running.work(await running.begin(ORG, APP, asked), asked, tell), lines


async def everything(home: House) -> dict[str, Counter[str]]:
    """All rows of all tables but for the reports themselves and the CRM's pace."""
    tables = await home.rows(
        "select table_name from information_schema.tables where table_schema = 'public'"
        " and table_name not in ('dry_run', 'dry_run_line')"
    )
    return {
        row["table_name"]: Counter(repr(r) for r in await home.rows(f"select * from {row['table_name']}"))
        for row in tables
    }


def told_fields(lines: Sequence[Line], known: Collection[str]) -> Counter[tuple[Any, ...]]:
    """Fields of contacts as lines tell them; a contact that is not `known` has no id yet."""
    return Counter(
        (
            line.contact_id if line.contact_id in known else "new",
            one.field_name,
            one.outcome,
            one.before,
            one.after,
            one.source_ref,
            one.why,
        )
        for line in lines
        if line.side == "tieline" and line.action in ("created", "changed", "conflict")
        for one in line.entries
        if one.field_name != "phone_number"
    )


async def ledger_fields(home: House, since: "State") -> Counter[tuple[Any, ...]]:
    """The same of the ledger's rows since then."""
    rows = await home.rows("select * from ledger where entry_id > %s", since.last_entry)
    return Counter(
        (
            row["contact_id"] if row["contact_id"] in since.contacts else "new",
            row["field_name"],
            row["outcome"],
            row["old_value"],
            row["new_value"],
            row["source_ref"],
            row["reason"],
        )
        for row in rows
    )


@dataclass
class State:
    """What there was before a dry run and the run that follows it."""

    last_entry: int
    contacts: set[str]
    issues: set[str]
    ties: dict[str, str]


async def state(home: House) -> State:
    """As it is now."""
    last = await home.rows("select coalesce(max(entry_id), 0) as last from ledger")
    return State(
        last[0]["last"],
        {row["contact_id"] for row in await home.rows("select contact_id from contact")},
        {row["issue_id"] for row in await home.rows("select issue_id from issue")},
        await ties(home),
    )


async def ties(home: House) -> dict[str, str]:
    """How each record is tied."""
    return {row["external_id"]: row["status"] for row in await home.rows("select * from link")}


def told_ties(lines: Sequence[Line], before: State) -> dict[str, str]:
    """How each record would be tied afterwards, in the words of lines."""
    words = {"open": "linked", "shared": "skipped", "skipped": "skipped"}
    found = {one: words.get(status, "gone") for one, status in before.ties.items()}
    for line in lines:
        if (
            line.external_id
            and line.side == "tieline"
            and line.action in ("linked", "skipped", "gone", "created")
        ):
            found[line.external_id] = "linked" if line.action == "created" else line.action.value
    return found


async def ties_in_words(home: House) -> dict[str, str]:
    """How each record is tied now, in the same words."""
    words = {"open": "linked", "shared": "skipped", "skipped": "skipped"}
    return {one: words.get(status, "gone") for one, status in (await ties(home)).items()}


def told_issues(lines: Sequence[Line]) -> Counter[tuple[str, str | None, str]]:
    """What would wait for a person."""
    return Counter((line.kind, line.external_id, line.why) for line in lines if line.action == "refused")


async def new_issues(home: House, since: State) -> Counter[tuple[str, str | None, str]]:
    """The same of the issues since then."""
    rows = await home.rows("select * from issue")
    return Counter(
        (row["kind"], row["external_id"], row["message"])
        for row in rows
        if row["issue_id"] not in since.issues
    )
