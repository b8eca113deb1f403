"""Brings a database's tables to what this version of Tieline needs: SQL files, run in order by Alembic.

All of it is one transaction under an advisory lock, so that any number of processes may start at once. This
module must never drop what it did not make, and there is no way down: restore a backup instead. By hand:

    python -m tieline.store.migrate URL
"""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any

import psycopg
from alembic import command, op
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from pgqueuer.adapters.persistence.qb import QueryBuilderEnvironment
from pgqueuer.domain.settings import DBSettings
from sqlalchemy import Connection, create_engine, pool, text

_MIGRATIONS = Path(str(files("tieline.store") / "migrations"))
_LOCK_KEY = 7_418_046_551  # Any number that nothing else on the server locks.


class DatabaseTooNewError(RuntimeError):
    """The database was migrated by a newer Tieline. Running this one against it could damage data."""


@dataclass(frozen=True, slots=True)
class Status:
    """Where a database stands: its revision (None: never migrated) and this version's newest."""

    current: str | None
    newest: str

    @property
    def up_to_date(self) -> bool:
        """True when there is nothing to run."""
        return self.current == self.newest


def migrate(url: str) -> None:
    """Runs what is missing, if anything. Raises DatabaseTooNewError, psycopg.Error, SQLAlchemyError."""
    with _connected(url) as connection, connection.begin():
        connection.execute(text("select pg_advisory_xact_lock(:key)"), {"key": _LOCK_KEY})
        _refuse_unknown(connection)
        command.upgrade(_config(connection), "head")


def status(url: str) -> Status:
    """Where a database stands. Changes nothing."""
    with _connected(url) as connection:
        return Status(_current(connection), _newest())


def run_sql_file(name: str) -> None:
    """Runs one file of `migrations/sql`, with all its statements, in the migration's transaction."""
    _execute_script((_MIGRATIONS / "sql" / name).read_text(encoding="utf-8"))


def install_queue() -> None:
    """Creates the tables of the job queue as the installed library declares them."""
    _execute_script(QueryBuilderEnvironment(DBSettings()).build_install_query(create_schema=False))


def _execute_script(script: str) -> None:
    # The driver's own connection, because SQLAlchemy would read colons and percent signs as parameters.
    raw: Any = op.get_bind().connection.driver_connection
    assert isinstance(raw, psycopg.Connection)
    raw.execute(script.encode())


@contextmanager
def _connected(url: str) -> Iterator[Connection]:
    engine = create_engine(
        "postgresql+psycopg://", creator=lambda: psycopg.connect(url), poolclass=pool.NullPool
    )
    try:
        with engine.connect() as connection:
            yield connection
    finally:
        engine.dispose()


def _config(connection: Connection | None = None) -> Config:
    config = Config()
    config.set_main_option("script_location", str(_MIGRATIONS).replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    config.attributes["connection"] = connection
    return config


def _current(connection: Connection) -> str | None:
    return MigrationContext.configure(connection).get_current_revision()


def _newest() -> str:
    newest = ScriptDirectory.from_config(_config()).get_current_head()
    assert newest is not None
    return newest


def _refuse_unknown(connection: Connection) -> None:
    current = _current(connection)
    known = {revision.revision for revision in ScriptDirectory.from_config(_config()).walk_revisions()}
    if current is not None and current not in known:
        raise DatabaseTooNewError(
            f"The database is at revision {current}, which this version of Tieline does not know; "
            "run the version that migrated it, or a newer one."
        )


def _main(arguments: list[str]) -> int:
    if len(arguments) != 1:
        print("usage: python -m tieline.store.migrate URL", file=sys.stderr)
        return 2
    migrate(arguments[0])
    print(f"at revision {status(arguments[0]).current}")
    return 0


if __name__ == "__main__":
    sys.exit(_main(sys.argv[1:]))
