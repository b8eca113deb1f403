"""The long-running processes: `serve`, `worker`, `sandbox`; and `migrate`, which they need once."""

import asyncio
import contextlib
import signal
import socket
from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated, Any

import typer
import uvicorn

from tieline.bootstrap import Tieline, dry_running, start_embedded, undoing
from tieline.cli.output import note
from tieline.cli.runtime import CommandError, Exit, guarded, settings_of, with_tieline
from tieline.store.dry_runs import DryRunReports
from tieline.store.embedded import ensure_database
from tieline.worker.wiring import make_worker

if TYPE_CHECKING:
    from tieline.api.services import Services


class _Server(uvicorn.Server):
    """Leaves the signals to this command, which must also stop the worker."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


def services_of(tieline: Tieline) -> "Services":
    """What the API works with."""
    # Only this command waits for the web framework.
    from tieline.api.services import Analyses, ApiLimits, BackfillDesk, Connections, Desk, DryRuns, Services

    limits = ApiLimits(tieline.settings.max_body_bytes, tieline.settings.max_page_items)
    return Services(
        pool=tieline.pool,
        accounts=tieline.accounts,
        contacts=tieline.contacts,
        configs=tieline.configs,
        conversations=tieline.conversations,
        editing=tieline.editing,
        intake=tieline.intake,
        clock=tieline.clock,
        limits=limits,
        connections=Connections(tieline.connecting, tieline.runs, tieline.quotas),
        analyses=Analyses(
            tieline.extractions, tieline.usage, BackfillDesk(tieline.backfills, tieline.planning_backfills)
        ),
        desk=Desk(tieline.merging, tieline.reviewing, tieline.issues, tieline.braking),
        previewing=tieline.previewing,
        dry_runs=DryRuns(dry_running(tieline), DryRunReports(tieline.pool)),
        undoing=undoing(tieline),
    )


def serve(
    ctx: typer.Context,
    host: Annotated[str | None, typer.Option(help="Address to listen on.")] = None,
    port: Annotated[int | None, typer.Option(help="Port to listen on; 0 takes a free one.")] = None,
    worker: Annotated[bool, typer.Option(help="Also work in this process.")] = True,
) -> None:
    """Serve the API, and work, in one process, until SIGTERM or SIGINT."""

    async def work(tieline: Tieline) -> None:
        await _serve(tieline, with_worker=worker)

    with_tieline(ctx, work, host=host, port=port)


async def _serve(tieline: Tieline, *, with_worker: bool) -> None:
    from starlette.responses import RedirectResponse

    from tieline.api.app import create_app
    from tieline.dashboard.app import create_dashboard
    from tieline.dashboard.visit import BASE

    app = create_app(services_of(tieline))
    app.mount(BASE, create_dashboard(tieline))
    app.add_route("/", lambda request: RedirectResponse(f"{BASE}/"), include_in_schema=False)
    sock = _bind(tieline.settings.host, tieline.settings.port)
    # Access lines are the reverse proxy's; ours say what went wrong.
    config = uvicorn.Config(app, log_config=None, access_log=False, lifespan="off")
    server = _Server(config)
    working = make_worker(tieline) if with_worker else None
    loop = asyncio.get_running_loop()

    def end() -> None:
        server.should_exit = True

    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, end)
    async with asyncio.TaskGroup() as group:
        if working is not None:
            group.create_task(working.run())
        note(f"Tieline listens on {_url(sock)}{'' if working else ' (no worker in this process)'}")
        await server.serve(sockets=[sock])
        if working is not None:
            await working.stop()


def worker(ctx: typer.Context) -> None:
    """Work until SIGTERM or SIGINT. Any number of workers may run against one database."""

    async def work(tieline: Tieline) -> None:
        await make_worker(tieline).run_until_signal(lambda: note("Tieline works"))

    with_tieline(ctx, work)


def sandbox(ctx: typer.Context) -> None:
    """Serve the emulated CRMs on loopback (tieline sandbox --help for its options)."""
    from tieline.sandbox.server import main

    main(ctx.args)


def migrate_command(
    ctx: typer.Context,
    check: Annotated[bool, typer.Option("--check", help="Only say where the database stands.")] = False,
) -> None:
    """Bring the database's tables to what this version needs."""
    from tieline.store.migrate import migrate, status  # slow to load

    settings = settings_of(ctx)

    def run(url: str) -> None:
        before = status(url)
        if check:
            note(f"at revision {before.current or 'none'}; this version needs {before.newest}")
            if not before.up_to_date:
                raise CommandError("The database must be migrated: tieline migrate.", Exit.FAILURE)
            return
        migrate(url)
        note(f"at revision {before.newest}" + (", nothing to do" if before.up_to_date else ""))

    def work() -> None:
        if settings.database_url is not None:
            run(settings.database_url.get_secret_value())
            return
        server = start_embedded(settings)
        try:
            run(ensure_database(server.url(), "tieline"))
        finally:
            server.stop()

    guarded(work)


def _bind(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    sock = socket.socket(family)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        sock.bind((host, port))
    except OSError as error:
        sock.close()
        raise CommandError(
            f"Cannot listen on {host}:{port} ({error.strerror}); choose another with --port."
        ) from None
    sock.listen(512)
    return sock


def _url(sock: socket.socket) -> str:
    host, port = sock.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def register(app: typer.Typer) -> None:
    """Adds the commands."""
    passing: dict[str, Any] = {
        "allow_extra_args": True,
        "ignore_unknown_options": True,
        "help_option_names": [],
    }
    app.command()(serve)
    app.command()(worker)
    app.command(context_settings=passing, add_help_option=False)(sandbox)
    app.command("migrate")(migrate_command)
