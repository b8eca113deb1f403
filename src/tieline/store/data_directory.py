"""What is done inside the data directory of an embedded server. Only `embedded.py` calls it.

Must never open up a directory above its own, remove `postmaster.pid` under a live server, or take over a
cluster that it did not make.
"""

import os
import secrets
import shlex
import shutil
import signal
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import psycopg

from tieline.store.binaries import Account, Binaries, EmbeddedServerError, choose_account
from tieline.store.flocks import POLL_SECONDS, locked, try_lock

_USER = "tieline"
_PORT_ATTEMPTS = 5
_SETTINGS = ("listen_addresses=127.0.0.1", "unix_socket_directories=", "timezone=UTC", "log_timezone=UTC")
_NOT_DURABLE = ("fsync=off", "synchronous_commit=off", "full_page_writes=off")


@dataclass(frozen=True)
class DataDirectory:
    """One data directory. What changes it is called inside `exclusively()`."""

    path: Path
    binaries: Binaries

    @property
    def cluster(self) -> Path:
        return self.path / "pg"

    @property
    def pid_file(self) -> Path:
        return self.cluster / "postmaster.pid"

    def file(self, name: str) -> Path:
        return self.path / name

    def prepare(self) -> None:
        if not self.path.exists():
            self.path.mkdir(parents=True, mode=0o700)

    @contextmanager
    def exclusively(self, deadline: float) -> Iterator[None]:
        try:
            with locked(self.file("start.lock"), deadline):
                yield
        except TimeoutError as error:
            raise EmbeddedServerError(str(error)) from error

    def password(self) -> str:
        return self.file("password").read_text()

    def port(self) -> int:
        return int(self._pid_file_lines()[3])

    def bring_up(self, durable: bool, deadline: float, account: Account | None) -> bool:
        """Leave a server behind that answers. True if this call started it."""
        if self._is_running() and self._wait_for_answer(deadline):
            return False
        account = account or choose_account(self.path, self.cluster, self.binaries)
        if not self.cluster.exists():
            self._initialise(durable, account)
        self._check_version()
        self._drop_stale_pid_file()
        for _ in range(_PORT_ATTEMPTS):
            self._launch(durable, account)
            if self._wait_for_answer(deadline):
                return True
            if "Address already in use" not in self._log():
                break
        raise EmbeddedServerError(f"PostgreSQL did not start in {self.path}:\n{self._log()[-2000:]}")

    def shut_down(self, deadline: float) -> None:
        with suppress(FileNotFoundError, ProcessLookupError, IndexError):
            os.kill(int(self._pid_file_lines()[0]), signal.SIGINT)
        while self._is_running():
            if time.monotonic() > deadline:
                raise EmbeddedServerError(f"The server in {self.path} did not stop; see server.log there.")
            time.sleep(POLL_SECONDS)

    def _initialise(self, durable: bool, account: Account) -> None:
        """Made beside its place and moved there when complete: a killed start leaves no half cluster."""
        new, pwfile = self.file("pg.new"), self.file("initdb.pw")
        if not self.file("password").exists():
            _write_private(self.file("password"), secrets.token_urlsafe(32))
        if new.exists():
            shutil.rmtree(new)
        new.mkdir(mode=0o700)
        account.own(new)
        _write_private(pwfile, self.password())
        account.own(pwfile)
        locale = ["--locale-provider=builtin", "--builtin-locale=C.UTF-8"]
        if self.binaries.version < 17:  # the builtin provider came with 17
            locale = ["--locale=C.UTF-8"]
        options = f"-U {_USER} --auth=scram-sha-256 --encoding=UTF8 --no-instructions".split()
        options += [] if durable else ["--no-sync"]
        command = [
            self.binaries.program("initdb"),
            "-D",
            str(new),
            "--pwfile",
            str(pwfile),
            *options,
            *locale,
        ]
        done = account.run(command)
        pwfile.unlink()
        if done.returncode != 0:
            raise EmbeddedServerError(f"initdb failed in {self.path}:\n{done.stderr[-2000:]}")
        new.rename(self.cluster)

    def _check_version(self) -> None:
        made_by = (self.cluster / "PG_VERSION").read_text().strip()
        if made_by != str(self.binaries.version):
            raise EmbeddedServerError(
                f"{self.path} was made by PostgreSQL {made_by}, and the programs found are of"
                f" {self.binaries.version}. A new major version needs a dump by the old one and a restore."
            )

    def _drop_stale_pid_file(self) -> None:
        """PostgreSQL itself refuses a file that names any live process, be it a shell that got the same pid.

        Only called when neither the lock nor the pid shows a server, so a live process of that pid is
        somebody else. A dead one is left to PostgreSQL, which also looks for shared memory still in use.
        """
        lines = self._pid_file_lines()
        if lines and lines[0].isdigit() and _is_alive(int(lines[0])):
            self.pid_file.unlink()

    def _launch(self, durable: bool, account: Account) -> None:
        log = self.file("server.log")
        if log.exists():
            log.replace(self.file("server.log.1"))
        _write_private(log, "")
        account.own(log)
        settings = [*_SETTINGS, *(() if durable else _NOT_DURABLE)]
        options = shlex.join(["-p", str(_free_port()), *(word for one in settings for word in ("-c", one))])
        command = [self.binaries.program("pg_ctl"), "start", "--no-wait", "-D", str(self.cluster)]
        command += ["-l", str(log), "-o", options]
        with try_lock(self.file("server.lock")) as lock:
            if not lock:
                raise EmbeddedServerError(f"A server of {self.path} has just been started by somebody else.")
            done = account.run(command, keep_open=[lock])
        if done.returncode != 0:
            raise EmbeddedServerError(f"pg_ctl failed in {self.path}:\n{done.stderr[-2000:]}")

    def _wait_for_answer(self, deadline: float) -> bool:
        """True once the server answers, False if it went away while we waited."""
        while time.monotonic() < deadline:
            lines = self._pid_file_lines()
            if len(lines) >= 8 and lines[7].strip() == "ready" and _answers(self.password(), int(lines[3])):
                return True
            if not self._is_running():
                return False
            time.sleep(POLL_SECONDS)
        raise EmbeddedServerError(
            f"A server of {self.path} is running but does not answer here. It may still be recovering (see"
            " server.log), or run in another container: then give this process its DATABASE_URL."
        )

    def _is_running(self) -> bool:
        with try_lock(self.file("server.lock")) as free:
            return not free or self._started_by_hand()

    def _started_by_hand(self) -> bool:
        """Whether the pid file names a postgres of this cluster, which then was started without our lock."""
        lines = self._pid_file_lines()
        if not lines or not lines[0].isdigit():
            return False
        shown = _command_line(int(lines[0]))
        return "postgres" in shown and str(self.cluster) in shown

    def _pid_file_lines(self) -> list[str]:
        """pid, data directory, start time, port, socket directory, address, shared memory, status."""
        try:
            return self.pid_file.read_text().splitlines()
        except FileNotFoundError:
            return []

    def _log(self) -> str:
        return self.file("server.log").read_text(errors="replace")


def _answers(password: str, port: int) -> bool:
    try:
        psycopg.connect(server_url(password, port, "postgres"), connect_timeout=5).close()
    except psycopg.OperationalError:
        return False
    return True


def _is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def _command_line(pid: int) -> str:
    """Empty where there is no such process."""
    if Path("/proc/self/cmdline").exists():  # small images have no ps
        with suppress(OSError):
            return Path(f"/proc/{pid}/cmdline").read_text(errors="replace").replace("\0", " ")
        return ""
    return Account().run(["ps", "-ww", "-o", "args=", "-p", str(pid)]).stdout


def server_url(password: str, port: int, dbname: str) -> str:
    return f"postgresql://{_USER}:{password}@127.0.0.1:{port}/{dbname}"


def _write_private(path: Path, text: str) -> None:
    path.unlink(missing_ok=True)
    with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return int(probe.getsockname()[1])
