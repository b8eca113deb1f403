"""Runs: what was executed, how it went, and how far the present one is, live."""

import asyncio
from collections.abc import AsyncIterator
from typing import Final

from starlette.exceptions import HTTPException
from starlette.responses import Response, StreamingResponse

from tieline.dashboard.visit import Visit, action, page
from tieline.store.issues import IssueFilter
from tieline.store.runs import Run, RunInProgressError, UnknownAppError

_SHOWN: Final = 100
_EVERY_S: Final = 1.0
# A stream ends by itself, and the browser asks anew: so none outlives a server that is being stopped for long.
_LONGEST_S: Final = 300.0


async def run_list(visit: Visit) -> Response:
    """The newest runs."""
    apps = {app.app_id: app.name or app.provider for app in await visit.tieline.connecting.apps(visit.org_id)}
    config = await visit.tieline.configs.get(visit.org_id)
    runs = await visit.tieline.runs.recent(visit.org_id, limit=_SHOWN)
    return visit.render("runs/list.html", runs=runs, apps=apps, linked=config.app_id)


async def run_page(visit: Visit) -> Response:
    """One run, with its issues."""
    run = await _run(visit)
    issues = await visit.tieline.issues.find(
        visit.org_id, IssueFilter(state="all", run_id=run.run_id, limit=50)
    )
    return visit.render("runs/run.html", run=run, issues=issues)


async def run_progress(visit: Visit) -> Response:
    """Server-sent events: the progress of a run until its end."""
    run = await _run(visit)

    async def events() -> AsyncIterator[str]:
        loop = asyncio.get_running_loop()
        ends = loop.time() + _LONGEST_S
        current: Run | None = run
        while current is not None and loop.time() < ends:
            shown = visit.render("runs/progress.html", run=current)
            text = bytes(shown.body).decode()
            yield "".join(f"data: {line}\n" for line in text.splitlines() if line.strip()) + "\n"
            if not current.in_flight:
                yield "event: end\ndata: \n\n"
                return
            await asyncio.sleep(_EVERY_S)
            current = await visit.tieline.runs.get(visit.org_id, run.run_id)

    return StreamingResponse(events(), media_type="text/event-stream")


async def start(visit: Visit) -> Response:
    """Begins a sync of an app."""
    try:
        run = await visit.tieline.runs.queue(
            visit.org_id, visit.text("app_id"), full_read=visit.text("full") == "yes", triggered_by="manual"
        )
    except RunInProgressError as error:
        return visit.go(f"/runs/{error.run.run_id}", "A sync is on its way already: this is it.")
    except UnknownAppError as error:
        raise HTTPException(404, str(error)) from None
    return visit.go(f"/runs/{run.run_id}")


async def _run(visit: Visit) -> Run:
    run = await visit.tieline.runs.get(visit.org_id, visit.path("run_id"))
    if run is None:
        raise HTTPException(404, "There is no such run.")
    return run


ROUTES = (
    page("/runs", run_list),
    action("/runs/start", start),
    page("/runs/{run_id}", run_page),
    page("/runs/{run_id}/progress", run_progress),
)
