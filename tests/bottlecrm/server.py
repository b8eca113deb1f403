"""A real BottleCRM, installed from its package: its own Python, its own database, one server process on loopback.

`make test-bottlecrm` installs it; the environment variable TIELINE_BOTTLECRM names the directory. Acts through
BottleCRM's public API; only its first user is made with its own code, since people sign up by mail or Google.
"""

import hashlib
import os
import secrets
import signal
import socket
import subprocess
import sysconfig
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx2
import psycopg
from psycopg import sql

from tieline.store.embedded import EmbeddedServer

ROLE = "bottlecrm"
_MAKE_USER = """
from django.contrib.auth import get_user_model
from common.serializer import OrgAwareRefreshToken
user = get_user_model().objects.create(email="admin@example.com", is_active=True)
print("ACCESS", OrgAwareRefreshToken.for_user_and_org(user, None, None).access_token)
"""


@dataclass
class BottleCrm:
    """The running CRM. `user_token` is of a person who belongs to no organisation yet."""

    url: str
    database_url: str = field(repr=False)
    user_token: str = field(repr=False)

    def execute(self, statement: str, *values: object) -> None:
        """SQL as the database's owner of all, past row security: what no API can do."""
        with psycopg.connect(self.database_url, autocommit=True) as connection:
            connection.execute(statement, values)

    def organisation(self, name: str) -> "Organisation":
        """A new organisation, with a personal access token of its administrator, as people make them."""
        unique = f"{name} {secrets.token_hex(6)}"
        made = self.ask("POST", "/api/org/", self.user_token, {"name": unique})["org"]
        switched = self.ask("POST", "/api/auth/switch-org/", self.user_token, {"org_id": made["id"]})
        session = switched["access_token"]
        token = self.ask("POST", "/api/profile/tokens/", session, {"name": "Tieline"})["token"]
        return Organisation(self, made["id"], session, token)

    def ask(self, method: str, path: str, token: str, body: Any = None, **query: str) -> Any:
        """One request of the test's own; its answer."""
        headers = {"authorization": f"Bearer {token}"}
        answer = httpx2.request(
            method, f"{self.url}{path}", json=body, params=query, headers=headers, timeout=60
        )
        assert answer.status_code < 300, f"{method} {path}: {answer.status_code} {answer.text[:1000]}"
        return answer.json() if answer.content else None


@dataclass
class Organisation:
    """A tenant: a person's session in it, and a token for a program."""

    crm: BottleCrm
    org_id: str
    session: str = field(repr=False)
    token: str = field(repr=False)

    def ask(self, method: str, path: str, body: Any = None, **query: str) -> Any:
        """One request of a person's."""
        return self.crm.ask(method, path, self.session, body, **query)

    def define(self, key: str, field_type: str, *options: str) -> str:
        """A contact field of the organisation's own; its id."""
        body: dict[str, Any] = {"target_model": "Contact", "key": key, "label": key, "field_type": field_type}
        if options:
            body["options"] = [{"value": one, "label": one} for one in options]
        return str(self.ask("POST", "/api/custom-fields/", body)["id"])


@contextmanager
def running(home: Path) -> Iterator[BottleCrm]:
    """Starts PostgreSQL and BottleCRM on a fresh copy of a migrated database, and ends both."""
    database = EmbeddedServer.start(home / "data", durable=False)
    try:
        password = secrets.token_hex(16)
        owner = database.url("postgres")
        _make_role(owner, password)
        settings = _settings(home, owner, password)
        template = _migrated(home, owner, settings)
        name = f"run_{secrets.token_hex(6)}"
        _create(owner, name, template)
        try:
            with _serving(home, {**settings, "DBNAME": name}) as (url, token):
                yield BottleCrm(url, database.url(name), token)
        finally:
            _admin(owner, sql.SQL("drop database {} with (force)").format(sql.Identifier(name)))
    finally:
        database.stop()


def _settings(home: Path, owner: str, password: str) -> dict[str, str]:
    (home / "home").mkdir(exist_ok=True)
    return {
        "PATH": os.environ.get("PATH", ""),
        "HOME": str(home / "home"),
        "PYTHONDONTWRITEBYTECODE": "1",
        "DJANGO_SETTINGS_MODULE": "crm.settings",
        "SECRET_KEY": secrets.token_urlsafe(48),
        "ENV_TYPE": "dev",
        "DEBUG": "False",
        "ALLOWED_HOSTS": "127.0.0.1",
        "CELERY_BROKER_URL": "memory://",
        "CELERY_RESULT_BACKEND": "cache+memory://",
        "EMAIL_BACKEND": "django.core.mail.backends.dummy.EmailBackend",
        "DBUSER": ROLE,
        "DBPASSWORD": password,
        "DBHOST": "127.0.0.1",
        "DBPORT": str(psycopg.conninfo.conninfo_to_dict(owner)["port"]),
    }


def _make_role(owner: str, password: str) -> None:
    """No superuser: its row security would not hold for one."""
    with psycopg.connect(owner, autocommit=True) as connection:
        known = connection.execute("select 1 from pg_roles where rolname = %s", [ROLE]).fetchone()
        verb = "alter" if known else "create"
        statement = sql.SQL(verb + " role {} login nosuperuser password {}")
        connection.execute(statement.format(sql.Identifier(ROLE), sql.Literal(password)))


def _migrated(home: Path, owner: str, settings: Mapping[str, str]) -> str:
    """The name of a migrated database for what is installed. To migrate takes a minute, so it is kept."""
    requirements = (Path(__file__).parent / "requirements.txt").read_bytes()
    name = f"migrated_{hashlib.sha256(requirements).hexdigest()[:12]}"
    with psycopg.connect(owner, autocommit=True) as connection:
        if connection.execute("select 1 from pg_database where datname = %s", [name]).fetchone():
            return name
    unfinished = f"{name}_unfinished"
    _admin(owner, sql.SQL("drop database if exists {} with (force)").format(sql.Identifier(unfinished)))
    _create(owner, unfinished, "template1")
    _django(home, {**settings, "DBNAME": unfinished}, "migrate", "-v0")
    rename = sql.SQL("alter database {} rename to {}")
    _admin(owner, rename.format(sql.Identifier(unfinished), sql.Identifier(name)))
    return name


def _create(owner: str, name: str, template: str) -> None:
    statement = sql.SQL("create database {} owner {} template {}")
    _admin(owner, statement.format(*map(sql.Identifier, (name, ROLE, template))))


def _admin(owner: str, statement: sql.Composed) -> None:
    with psycopg.connect(owner, autocommit=True) as connection:
        connection.execute(statement)


def _django(home: Path, settings: Mapping[str, str], *arguments: str) -> str:
    done = subprocess.run(
        [_program(home, "django-admin"), *arguments],
        env=dict(settings), cwd=home, capture_output=True, text=True, timeout=600, check=False,
    )  # fmt: skip
    assert done.returncode == 0, f"django-admin {arguments[0]}: {done.stderr[-2000:]}"
    return done.stdout


@contextmanager
def _serving(home: Path, settings: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    """BottleCRM on a free port; its address and the token of its first user."""
    said = _django(home, settings, "shell", "-v0", "-c", _MAKE_USER)
    token = next(line.split()[1] for line in said.splitlines() if line.startswith("ACCESS"))
    with socket.create_server(("127.0.0.1", 0)) as listening, (home / "server.log").open("wb") as log:
        number, port = listening.fileno(), listening.getsockname()[1]
        process = subprocess.Popen(
            [_program(home, "gunicorn"), "crm.wsgi:application", "--bind", f"fd://{number}", "--threads", "4"],
            env=dict(settings), cwd=home, stdin=subprocess.DEVNULL, stdout=log, stderr=log, pass_fds=[number],
        )  # fmt: skip
        try:
            url = f"http://127.0.0.1:{port}"
            _wait_for(url, process)
            yield url, token
        finally:
            process.send_signal(signal.SIGTERM)
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def _wait_for(url: str, process: "subprocess.Popen[bytes]") -> None:
    ends = time.monotonic() + 120
    while time.monotonic() < ends:
        assert process.poll() is None, "BottleCRM ended by itself; see server.log beside its data"
        # The socket listens already, so the request waits for the program.
        with suppress(httpx2.TransportError):
            if httpx2.get(f"{url}/healthz/", timeout=30).status_code == 200:
                return
    raise AssertionError("BottleCRM does not answer; see server.log beside its data")


def _program(home: Path, name: str) -> str:
    return str(home / "venv" / Path(sysconfig.get_path("scripts")).name / name)
