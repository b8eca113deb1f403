"""What every command shares: settings, one event loop, and how an error becomes a sentence and an exit code.

The only place that reads the environment. Commands must never print a traceback for something a user can cure.
"""

import asyncio
import logging
import os
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from enum import IntEnum
from typing import Any, NoReturn, TypeVar

import psycopg
import typer
from psycopg_pool import PoolTimeout
from rich.console import Console

from tieline.bootstrap import NotMigratedError, Tieline, open_tieline
from tieline.config import Settings, SettingsError, load
from tieline.connectors.registry import UnknownProviderError
from tieline.flows.app_checks import AppRefusedError
from tieline.flows.brake_answers import BrakeOverError, UnknownBrakeError
from tieline.flows.config_file import ConfigFileRefusedError
from tieline.flows.configuration import ConfigurationError
from tieline.flows.connecting import TooManyAppsError
from tieline.flows.editing import EditRefusedError, UnknownContactError
from tieline.flows.merging_contacts import MergeRefusedError
from tieline.flows.reviewing import DecisionRefusedError, UnknownIssueError
from tieline.flows.tenancy import TenantMismatchError
from tieline.flows.undoing import UndoRefusedError, UnknownToUndoError
from tieline.ports.errors import ConflictError, CrmError
from tieline.ports.llm import LlmError
from tieline.store import apps, runs
from tieline.store.accounts import AccountError
from tieline.store.config import ConfigRefusedError, UnknownOrganisationError
from tieline.store.embedded import EmbeddedServerError
from tieline.store.secrets import SecretError
from tieline.worker.queue import PgQueue

T = TypeVar("T")


class Exit(IntEnum):
    """Exit codes; docs/cli.md explains them."""

    OK = 0
    FAILURE = 1
    USAGE = 2
    NOT_FOUND = 3
    REFUSED = 4
    UNAVAILABLE = 5


class CommandError(Exception):
    """A command that cannot be done; the message is for whoever typed it."""

    def __init__(self, message: str, code: Exit = Exit.FAILURE) -> None:
        super().__init__(message)
        self.code = code


_CODES: tuple[tuple[Exit, tuple[type[Exception], ...]], ...] = (
    (Exit.USAGE, (SettingsError, SecretError, LlmError)),
    (Exit.NOT_FOUND, (
        UnknownOrganisationError, UnknownContactError, UnknownIssueError, UnknownProviderError, UnknownBrakeError,
        UnknownToUndoError,
        apps.UnknownAppError, runs.UnknownAppError,
    )),
    (Exit.REFUSED, (
        AccountError, AppRefusedError, BrakeOverError, ConfigFileRefusedError, ConfigRefusedError, ConfigurationError,
        DecisionRefusedError, UndoRefusedError,
        EditRefusedError, MergeRefusedError, TenantMismatchError, TooManyAppsError, runs.RunInProgressError,
    )),
    (Exit.UNAVAILABLE, (CrmError, NotMigratedError, EmbeddedServerError)),
    (Exit.FAILURE, (ConflictError,)),
)  # fmt: skip
_DATABASE = (psycopg.OperationalError, PoolTimeout)


@dataclass
class Context:
    """What the flags before the command said."""

    flags: dict[str, Any] = field(default_factory=dict)


def settings_of(ctx: typer.Context, **flags: Any) -> Settings:
    """The settings for a command; its own flags go before those in front of it."""
    given = {name: value for name, value in flags.items() if value is not None}
    try:
        settings = load({**ctx.ensure_object(Context).flags, **given}, os.environ)
    except SettingsError as error:
        fail(str(error), Exit.USAGE)
    _log_to_stderr(settings.log_level)
    return settings


def with_tieline(ctx: typer.Context, work: Callable[[Tieline], Awaitable[T]], **flags: Any) -> T:
    """Runs a command's work with everything wired, and ends the process with the right code if it fails."""
    settings = settings_of(ctx, **flags)

    async def run() -> T:
        async with open_tieline(settings, PgQueue) as tieline:
            return await work(tieline)

    return guarded(lambda: asyncio.run(run()))


def guarded(work: Callable[[], T]) -> T:
    """Runs something and turns what a user can cure into a sentence on stderr and an exit code."""
    try:
        return work()
    except CommandError as error:
        fail(str(error), error.code)
    except KeyboardInterrupt:
        raise typer.Exit(130) from None
    except Exception as error:
        message, code = _judged(error)
        if code is None:
            raise
        fail(message, code)


def _judged(error: Exception) -> tuple[str, Exit | None]:
    from sqlalchemy.exc import SQLAlchemyError  # slow to load

    from tieline.store.migrate import DatabaseTooNewError

    if isinstance(error, (*_DATABASE, SQLAlchemyError)):
        return f"The database cannot be used: {_first_line(error)}", Exit.UNAVAILABLE
    if isinstance(error, DatabaseTooNewError):
        return str(error), Exit.UNAVAILABLE
    return str(error), next((code for code, classes in _CODES if isinstance(error, classes)), None)


def fail(message: str, code: Exit) -> NoReturn:
    """Says why and ends the process."""
    Console(stderr=True, soft_wrap=True, highlight=False).print(message, style="red", markup=False)
    raise typer.Exit(int(code))


async def org_of(tieline: Tieline, org_id: str | None) -> str:
    """The organisation that is meant: the named one, or the only one there is."""
    known = [org.org_id for org in await tieline.accounts.organisations()]
    if org_id is not None:
        if org_id not in known:
            raise CommandError(f"There is no organisation {org_id}.", Exit.NOT_FOUND)
        return org_id
    if not known:
        raise CommandError("There is no organisation yet: tieline org create NAME.", Exit.NOT_FOUND)
    if len(known) > 1:
        raise CommandError(
            f"There are several organisations; name one with --org: {', '.join(known)}.", Exit.USAGE
        )
    return known[0]


async def app_of(tieline: Tieline, org_id: str, app: str | None) -> str:
    """The app that is meant, by id or name; without either the only one there is."""
    known = await tieline.apps.of_organisation(org_id)
    found = [a.app_id for a in known if app is None or app in (a.app_id, a.name)]
    if len(found) == 1:
        return found[0]
    if app is None and found:
        raise CommandError(f"There are several apps; name one: {', '.join(found)}.", Exit.USAGE)
    if found:
        raise CommandError(f"Several apps are called {app}; use the id: {', '.join(found)}.", Exit.USAGE)
    raise CommandError("There is no app yet." if app is None else f"There is no app {app}.", Exit.NOT_FOUND)


def _first_line(error: Exception) -> str:
    # The driver's message names host and port, never the password.
    return (str(error).strip().splitlines() or [type(error).__name__])[0]


def _log_to_stderr(level: str) -> None:
    logging.basicConfig(
        level=level.upper(), format="%(asctime)s %(levelname)-7s %(name)s: %(message)s", force=True
    )
    for chatty in ("pgqueuer", "httpx2", "httpcore2", "alembic", "psycopg.pool"):
        logging.getLogger(chatty).setLevel(max(logging.WARNING, logging.getLogger().level))
