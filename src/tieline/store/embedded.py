"""A PostgreSQL server of our own on loopback, shared by all processes of ours that use one data directory.

Layout of the data directory: `pg/` the cluster, `password` (0600), `server.log`, and three lock files:

- `start.lock`   held while somebody starts or stops the server, so that only one does.
- `server.lock`  held by the server itself: the postmaster inherits it, and each backend from it. Free means
                 that no process of that server is left, on this machine or in any container on it.
- `use.lock`     held shared by each EmbeddedServer. The last to let go stops the server, whoever started it.

All are flocks, which the kernel gives up when a process dies, however it dies. A server whose starter was
killed runs on, and the next start uses it. This module never decides whether an embedded server is wanted.
"""

import os
import time
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import psycopg
from psycopg import sql

from tieline.store.binaries import Account, Binaries, EmbeddedServerError, find_binaries
from tieline.store.data_directory import DataDirectory, server_url
from tieline.store.flocks import share, try_lock

__all__ = ["Binaries", "EmbeddedServer", "EmbeddedServerError", "ensure_database", "find_binaries"]


@dataclass
class EmbeddedServer:
    """A running server that this process uses. `started_here` is False where it was found running."""

    data_dir: Path
    binaries: Binaries
    port: int
    started_here: bool
    _password: str = field(repr=False)
    _use: int | None = field(repr=False)

    @classmethod
    def start(
        cls,
        data_dir: Path,
        binaries: Binaries | None = None,
        *,
        durable: bool = True,
        timeout: float = 60.0,
        account: Account | None = None,
    ) -> "EmbeddedServer":
        """Use the server of `data_dir`: attach if it runs, else start it, else make it first.

        `durable=False` is for throw-away data: a crash of the machine may lose it. `timeout` is in seconds
        and covers waiting for another starter and for crash recovery. Raises EmbeddedServerError.
        """
        deadline = time.monotonic() + timeout
        place = DataDirectory(data_dir.expanduser().resolve(), binaries or find_binaries())
        place.prepare()
        with place.exclusively(deadline):
            started = place.bring_up(durable, deadline, account)
            use = share(place.file("use.lock"))
        return cls(place.path, place.binaries, place.port(), started, place.password(), use)

    def url(self, dbname: str = "tieline") -> str:
        """Connection URL with the password in it: never print it."""
        return server_url(self._password, self.port, dbname)

    def stop(self, timeout: float = 60.0) -> bool:
        """Let go of the server; the last of ours to do so stops it. True if it was stopped. May be repeated.

        A process that was only given the URL is not counted: it must not outlive every EmbeddedServer.
        """
        if self._use is None:
            return False
        deadline = time.monotonic() + timeout
        place = DataDirectory(self.data_dir, self.binaries)
        with place.exclusively(deadline):
            os.close(self._use)
            self._use = None
            with try_lock(place.file("use.lock")) as last:
                if last:
                    place.shut_down(deadline)
                return bool(last)


def ensure_database(url: str, name: str) -> str:
    """Create database `name` on the server of `url` unless it is there; returns the URL of it."""
    with psycopg.connect(_with_database(url, "postgres"), autocommit=True) as conn:
        known = conn.execute("select from pg_database where datname = %s", [name]).fetchone()
        if known is None:
            # another process may be faster
            with suppress(psycopg.errors.DuplicateDatabase, psycopg.errors.UniqueViolation):
                conn.execute(sql.SQL("create database {}").format(sql.Identifier(name)))
    return _with_database(url, name)


def _with_database(url: str, dbname: str) -> str:
    return urlunsplit(urlsplit(url)._replace(path=f"/{dbname}"))
