"""The command: starts everything, walks on each CRM, sums up, and ends everything again unless told to keep it."""

import shlex
import signal
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import FrameType

from rich.text import Text

from tieline.cli.demo.client import SdkMissingError, TielineClient
from tieline.cli.demo.processes import ProcessError
from tieline.cli.demo.report import ClaimFailedError, Report
from tieline.cli.demo.setting import NUMBER, PROVIDERS, TITLES, Account
from tieline.cli.demo.system import System, new_directory, remove
from tieline.cli.demo.waiting import TooLateError
from tieline.store.embedded import EmbeddedServerError

_OK, _FAILED, _INTERRUPTED = 0, 1, 130


def run(keep: bool) -> int:
    """Runs the demo; the exit code: 0 when every claim held, 1 when one did not, 130 when interrupted."""
    report = Report()
    directory = new_directory()
    system: System | None = None
    kept = False
    with _ended_politely():
        try:
            _look_for_sdk()
            system = _started(directory, report)
            accounts = system.accounts(PROVIDERS)
            failed = [account for account in accounts if not _walked(system, account, report)]
            code = _summed_up(failed, report)
            if keep:
                _tell_how_to_go_on(system, accounts, report)
                kept = True
            return code
        except (SdkMissingError, ProcessError, TooLateError, EmbeddedServerError) as error:
            report.console.print(Text(str(error), style="red"))
            return _FAILED
        except KeyboardInterrupt:
            report.console.print("Interrupted; ending what was started.")
            return _INTERRUPTED
        finally:
            _leave(system, directory, report, kept=kept)


def _look_for_sdk() -> None:
    TielineClient("http://127.0.0.1:1", "none").close()


def _started(directory: Path, report: Report) -> System:
    report.part("Starting")
    report.waiting("PostgreSQL to start")
    with _later() as heard:
        system = System.make(directory)
    report.waiting("")
    try:
        if heard:
            raise KeyboardInterrupt
        system.start(report)
    except BaseException:
        system.stop()
        raise
    rows = [
        ("PostgreSQL", f"embedded, port {system.database.port}"),
        *((f"sandbox {TITLES[name]}", url) for name, url in system.crm_urls.items()),
        ("emulated model", system.processes.model_url),
        ("API server", system.server_url),
        ("worker", f"process {system.processes.pids['worker']}"),
    ]
    report.listed("", ("process", "where"), rows)
    report.note(f"Throw-away data and logs are in {directory}")
    return system


def _walked(system: System, account: Account, report: Report) -> bool:
    report.part(f"Alice on {account.title}")
    try:
        with system.walk(account, report) as walk:
            walk.all_steps()
        system.processes.check()
    except ClaimFailedError:
        return False
    except TooLateError as error:
        report.console.print(Text(f"    ✗ {error}", style="red"))
        for name in ("server", "worker"):
            report.note(f"the end of {name}.log:\n{system.processes.tail(name)}")
        return False
    return True


def _summed_up(failed: Sequence[Account], report: Report) -> int:
    report.part("Summary")
    if failed:
        names = " and ".join(account.title for account in failed)
        report.console.print(
            Text(
                f"Not everything is as claimed: see ✗ above, on {names}. {report.claims} claims held.",
                style="red",
            )
        )
        return _FAILED
    report.console.print(
        Text(
            f"All {report.claims} claims were read back and are right, in {report.seconds:.0f} s.",
            style="green",
        )
    )
    report.note(
        "Contacts came in from both CRMs; calls, a chat and a transcript enriched them; every change went\n"
        "back, each conversation was logged once, and no edit of a rep was lost."
    )
    return _OK


def _tell_how_to_go_on(system: System, accounts: Sequence[Account], report: Report) -> None:
    directory, program = system.processes.directory, Path(sys.executable).with_name("tieline")
    stop = directory / "stop.sh"
    stop.write_text(_stop_script(list(system.processes.pids.values()), directory))
    first = accounts[0]
    lines = ["", f"API            {system.server_url}  (documented at {system.server_url}/docs)"]
    for account in accounts:
        lines += [
            f"{account.title:14} {account.crm_url}  (steer it under /__sandbox__/, see docs/sandbox.md)",
            f"  organisation {account.org_id}",
            f"  API key      {account.api_key}",
        ]
    lines += [
        "",
        "Try    curl -H 'Authorization: Bearer " + first.api_key + "' \\",
        f"         {system.server_url}/get-contact-by-phone/{NUMBER}",
        f"       {program} --data-dir {directory} --sandbox-mode contact list --org {first.org_id}",
        f"Stop   sh {stop}",
    ]
    report.part("Left running")
    for line in lines:
        report.console.print(Text(line), soft_wrap=True)


def _stop_script(pids: Sequence[int], directory: Path) -> str:
    """Ends the processes, waits at most 20 s for that, and removes the data."""
    named = " ".join(map(str, pids))
    return (
        f"kill {named}\n"
        "tries=0\n"
        f"for pid in {named}; do\n"
        "  while kill -0 $pid 2> /dev/null && [ $tries -lt 100 ]; do tries=$((tries + 1)); sleep 0.2; done\n"
        "done\n"
        f"rm -r {shlex.quote(str(directory))}\n"
    )


def _leave(system: System | None, directory: Path, report: Report, *, kept: bool) -> None:
    if kept and system is not None:
        system.database.stop()  # Only lets go of it: the server and the worker use it on.
        return
    report.waiting("everything to end")
    with _later():
        if system is not None:
            system.stop()
        remove(directory)
    report.waiting("")


@contextmanager
def _later() -> Iterator[list[int]]:
    """Ctrl-C and SIGTERM only leave a note, so that nothing is left half started or half ended."""
    heard: list[int] = []

    def note(number: int, frame: FrameType | None) -> None:
        heard.append(number)

    before = {number: signal.signal(number, note) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield heard
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@contextmanager
def _ended_politely() -> Iterator[None]:
    """SIGTERM ends the demo as Ctrl-C does, with everything that it started."""

    def on_sigterm(number: int, frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGTERM, on_sigterm)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
