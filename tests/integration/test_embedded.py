"""The embedded server: started once, shared, never lost, never started twice on one data directory."""

import os
import signal
import stat
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psycopg
import pytest

from tieline.store.binaries import nobody
from tieline.store.embedded import (
    Binaries,
    EmbeddedServer,
    EmbeddedServerError,
    ensure_database,
    find_binaries,
)
from tieline.store.flocks import try_lock

Start = Callable[[], EmbeddedServer]


@pytest.fixture(params=["wheel", "pg15"])
def binaries(request: pytest.FixtureRequest) -> Binaries:
    if request.param == "wheel":
        return find_binaries("wheel")
    try:
        return find_binaries("system", version=15)
    except EmbeddedServerError:
        pytest.skip("PostgreSQL 15 binaries not found; make ci-deps installs them")


@pytest.fixture
def data_dir() -> Iterator[Path]:
    """Not in pytest's own directory, which no other user may enter. Its name has spaces, as on macOS."""
    with tempfile.TemporaryDirectory(prefix="tieline server ") as directory:
        Path(directory).chmod(0o711)
        yield Path(directory) / "data"


@pytest.fixture
def start(data_dir: Path, binaries: Binaries) -> Iterator[Start]:
    """Starts durable servers on the test's data directory and lets go of them all at the end."""
    servers: list[EmbeddedServer] = []

    def start_one() -> EmbeddedServer:
        servers.append(EmbeddedServer.start(data_dir, binaries))
        return servers[-1]

    yield start_one
    for server in servers:
        server.stop()


def _postmaster(data_dir: Path) -> int:
    return int((data_dir / "pg" / "postmaster.pid").read_text().splitlines()[0])


def _backends(server: EmbeddedServer) -> list[int]:
    """Every process of the server but the postmaster, without leaving a connection behind."""
    listing = subprocess.run(
        ["ps", "-A", "-o", "pid=,ppid="], capture_output=True, text=True, check=True
    ).stdout
    pairs = [tuple(map(int, line.split())) for line in listing.splitlines()]
    return [pid for pid, parent in pairs if parent == _postmaster(server.data_dir)]


def _serves(server: EmbeddedServer) -> bool:
    try:
        with psycopg.connect(server.url("postgres"), connect_timeout=5):
            return True
    except psycopg.OperationalError:
        return False


def _wait_until_no_server_is_left(data_dir: Path) -> None:
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        with try_lock(data_dir / "server.lock") as free:
            if free:
                return
        time.sleep(0.01)
    pytest.fail("processes of the server survived")


def test_a_new_server_has_the_version_encoding_and_clock_that_we_rely_on(
    start: Start, binaries: Binaries
) -> None:
    server = start()
    with psycopg.connect(server.url("postgres")) as conn:
        row = conn.execute(
            "select current_setting('server_version_num')::int / 10000, current_setting('server_encoding'),"
            " current_setting('timezone'), current_setting('fsync'), lower('ÄÉ'),"
            " 'a' collate \"default\" > 'B'"
        ).fetchone()
    assert row == (binaries.version, "UTF8", "UTC", "on", "äé", True)


def test_only_loopback_with_a_password_gets_in(start: Start) -> None:
    server = start()
    with psycopg.connect(server.url("postgres")) as conn:
        listening = conn.execute("show listen_addresses").fetchone()
        sockets = conn.execute("show unix_socket_directories").fetchone()
    assert (listening, sockets) == (("127.0.0.1",), ("",))
    with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
        psycopg.connect(f"postgresql://tieline:wrong@127.0.0.1:{server.port}/postgres")


def test_the_password_is_readable_by_the_owner_only_and_not_in_the_repr(start: Start) -> None:
    server = start()
    password = (server.data_dir / "password").read_text()
    assert stat.S_IMODE((server.data_dir / "password").stat().st_mode) == 0o600
    assert len(password) >= 32
    assert password in server.url()
    assert password not in repr(server)


def test_a_second_start_uses_the_running_server(start: Start) -> None:
    first, second = start(), start()
    assert (first.started_here, second.started_here) == (True, False)
    assert first.url() == second.url()


def test_the_last_to_let_go_stops_the_server(start: Start) -> None:
    first, second = start(), start()
    assert first.stop() is False
    assert _serves(second)
    assert second.stop() is True
    assert not _serves(second)


def test_letting_go_twice_does_not_stop_a_server_that_others_use(start: Start) -> None:
    first, second = start(), start()
    assert [first.stop(), first.stop()] == [False, False]
    assert _serves(second)


def test_processes_that_start_at_the_same_time_share_one_server(start: Start, data_dir: Path) -> None:
    code = (
        "import sys; from pathlib import Path; from tieline.store.embedded import EmbeddedServer, Binaries\n"
        "binaries = Binaries(Path(sys.argv[2]), int(sys.argv[3]), 'system')\n"
        "server = EmbeddedServer.start(Path(sys.argv[1]), binaries)\n"
        "print(server.port, server.started_here, flush=True)\n"
        "sys.stdin.read(); server.stop()"
    )
    keeper = start()
    keeper.stop()
    command = [
        sys.executable,
        "-c",
        code,
        str(data_dir),
        str(keeper.binaries.directory),
        str(keeper.binaries.version),
    ]
    processes = [
        subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) for _ in range(4)
    ]
    answers = [process.stdout.readline().split() for process in processes if process.stdout]
    for process in processes:
        process.communicate("")
    assert len({port for port, _ in answers}) == 1
    assert sorted(started for _, started in answers) == ["False", "False", "False", "True"]
    assert [process.returncode for process in processes] == [0, 0, 0, 0]
    _wait_until_no_server_is_left(data_dir)


def test_acknowledged_rows_survive_kill_9_of_every_process(start: Start, data_dir: Path) -> None:
    server = start()
    url = ensure_database(server.url(), "tieline")
    with psycopg.connect(url, autocommit=True) as conn:
        conn.execute("create table kept (n int)")
        for n in range(200):
            conn.execute("insert into kept values (%s)", [n])
    for pid in [_postmaster(data_dir), *_backends(server)]:
        os.kill(pid, signal.SIGKILL)
    again = start()
    assert again.started_here
    with psycopg.connect(again.url()) as conn:
        assert conn.execute("select count(*), max(n) from kept").fetchone() == (200, 199)


def test_a_start_waits_for_backends_that_outlive_a_killed_postmaster(start: Start, data_dir: Path) -> None:
    server = start()
    ensure_database(server.url(), "tieline")
    orphans = _backends(server)
    os.kill(orphans[0], signal.SIGSTOP)  # cannot notice the death of its postmaster
    os.kill(_postmaster(data_dir), signal.SIGKILL)
    try:
        with pytest.raises(EmbeddedServerError, match="does not answer"):
            EmbeddedServer.start(data_dir, server.binaries, timeout=0.5)
    finally:
        os.kill(orphans[0], signal.SIGCONT)
    assert start().started_here


def test_a_pid_file_that_names_another_live_process_is_no_obstacle(start: Start, data_dir: Path) -> None:
    start().stop()
    (data_dir / "pg" / "postmaster.pid").write_text(
        f"{os.getpid()}\n{data_dir / 'pg'}\n0\n1\n\n127.0.0.1\n\nready\n"
    )
    assert start().started_here


def test_a_server_whose_starter_was_killed_is_used_and_then_stopped(start: Start, data_dir: Path) -> None:
    known = start()
    known.stop()
    code = (
        "import os, signal, sys; from pathlib import Path\n"
        "from tieline.store.embedded import EmbeddedServer, Binaries\n"
        "binaries = Binaries(Path(sys.argv[2]), int(sys.argv[3]), 'system')\n"
        "EmbeddedServer.start(Path(sys.argv[1]), binaries); os.kill(os.getpid(), signal.SIGKILL)"
    )
    arguments = [str(data_dir), str(known.binaries.directory), str(known.binaries.version)]
    done = subprocess.run([sys.executable, "-c", code, *arguments], check=False)
    assert done.returncode == -signal.SIGKILL
    heir = start()
    assert not heir.started_here
    assert _serves(heir)
    assert heir.stop() is True


def test_an_initialisation_that_was_cut_off_is_done_again(start: Start, data_dir: Path) -> None:
    (data_dir / "pg.new" / "base").mkdir(parents=True)
    (data_dir / "pg.new" / "PG_VERSION").write_text("18\n")
    assert _serves(start())


def test_a_cluster_of_another_major_version_is_refused_and_left_alone(start: Start, data_dir: Path) -> None:
    start().stop()
    version = data_dir / "pg" / "PG_VERSION"
    made_by = version.read_text()
    version.write_text("14\n")
    with pytest.raises(EmbeddedServerError, match="made by PostgreSQL 14"):
        start()
    version.write_text(made_by)
    assert _serves(start())


def test_ensure_database_may_be_repeated(start: Start) -> None:
    server = start()
    assert ensure_database(server.url(), "some-name") == ensure_database(server.url(), "some-name")
    assert _serves(server)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user")
def test_root_without_user_namespaces_runs_the_server_as_nobody(data_dir: Path, binaries: Binaries) -> None:
    data_dir.mkdir(mode=0o700)
    try:
        account = nobody(data_dir, binaries)
    except EmbeddedServerError as error:
        pytest.skip(f"this checkout cannot be reached by nobody: {error}")
    server = EmbeddedServer.start(data_dir, binaries, account=account)
    assert (data_dir / "pg").stat().st_uid == account.uid
    assert stat.S_IMODE((data_dir / "password").stat().st_mode) == 0o600
    assert stat.S_IMODE(data_dir.parent.stat().st_mode) == 0o711
    server.stop()
    again = EmbeddedServer.start(data_dir, binaries)  # now by the owner of the cluster
    assert _serves(again)
    again.stop()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user")
def test_a_directory_that_nobody_cannot_reach_is_named_and_not_opened(
    tmp_path: Path, binaries: Binaries
) -> None:
    closed = tmp_path / "closed"
    (closed / "data").mkdir(parents=True)
    closed.chmod(0o700)
    with pytest.raises(EmbeddedServerError, match="cannot reach"):
        nobody(closed / "data", binaries)
    assert stat.S_IMODE(closed.stat().st_mode) == 0o700


def test_a_search_that_finds_nothing_names_the_way_out() -> None:
    with pytest.raises(EmbeddedServerError, match=r"PostgreSQL 99 found on this system.*DATABASE_URL"):
        find_binaries("system", version=99)
