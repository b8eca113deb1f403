"""Dry runs: what a run would do, told line by line as it is found, and kept for paging. Beyond Retell's API."""

import asyncio
import logging
from collections.abc import AsyncGenerator, Sequence
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends, Query
from pydantic import BaseModel
from starlette.exceptions import HTTPException
from starlette.responses import Response, StreamingResponse

from tieline.api.models import Strict
from tieline.api.responses import JsonResponse, ms, without_none
from tieline.api.routers.sync import NOT_LINKED, ServicesOf
from tieline.api.routing import ApiRoute, CallerOf
from tieline.api.schemas import documented
from tieline.api.services import DryRuns, dry_runs_of
from tieline.domain.dry_run import Action, Line, Side, line_to_json
from tieline.flows.dry_running import Asked, DryRunRefusedError, Kind
from tieline.ports.dry_run import DryRun
from tieline.store.json_text import dump_json

_log = logging.getLogger(__name__)
router = APIRouter(route_class=ApiRoute, tags=["CRM"])
DryRunsOf = Annotated[DryRuns, Depends(dry_runs_of)]
_MOST = 1000
# Batches of lines that may wait for a slow reader before the dry run waits for it.
_AHEAD = 8


class DryRunSync(Strict):
    """What to try. `crm_config`: mappings to try in the place of the saved ones (kind `mappings`)."""

    app_id: str | None = None
    kind: Kind = "inbound"
    full: bool = False
    no_model: bool = False
    crm_config: dict[str, Any] | None = None


class DryRunOut(BaseModel):
    """A dry run without its lines. `totals` and `forecast` come with its end."""

    dry_run_id: str
    app_id: str | None = None
    kind: str
    status: Literal["running", "succeeded", "failed"]
    asked: dict[str, Any]
    totals: dict[str, Any]
    forecast: dict[str, Any]
    reason: str | None = None
    created_timestamp: int | None = None
    end_timestamp: int | None = None


class DryRunListOut(BaseModel):
    """The newest dry runs first."""

    items: list[DryRunOut]


class DryRunLinesOut(BaseModel):
    """Lines in the order in which they were found."""

    items: list[dict[str, Any]]
    has_more: bool
    pagination_key: str | None = None


@router.post("/dry-run-sync", responses=documented(DryRunOut, 200, 400, 404))
async def dry_run_sync(
    body: DryRunSync, caller: CallerOf, services: ServicesOf, dry_runs: DryRunsOf
) -> Response:
    """Tries a run and changes nothing. NDJSON: the dry run, then each line with its `position`, then the dry run with
    `totals` and `forecast`. Whoever goes away ends it.
    """
    app_id = body.app_id or (await services.configs.get(caller.org_id)).app_id
    if app_id is None:
        raise HTTPException(400, NOT_LINKED)
    if (body.kind == "mappings") != (body.crm_config is not None):
        raise HTTPException(400, "Give crm_config with the kind mappings, and with no other.")
    asked = Asked(body.kind, body.full, not body.no_model, body.crm_config)
    try:
        dry_run = await dry_runs.running.begin(caller.org_id, app_id, asked)
    except LookupError:
        raise HTTPException(404, f"There is no app {app_id}.") from None
    except DryRunRefusedError as error:
        raise HTTPException(400, str(error)) from None
    return StreamingResponse(stream(dry_runs, dry_run, asked), media_type="application/x-ndjson")


async def stream(dry_runs: DryRuns, dry_run: DryRun, asked: Asked) -> AsyncGenerator[bytes, None]:
    """The dry run as it comes. It ends with the reader."""
    waiting: asyncio.Queue[Sequence[Line]] = asyncio.Queue(_AHEAD)

    async def work() -> None:
        try:
            await dry_runs.running.work(dry_run, asked, waiting.put)
        except Exception as error:
            # The report says why.
            _log.warning("dry run %s ended: %s", dry_run.dry_run_id, type(error).__name__)
        await waiting.put(())

    working, position = asyncio.create_task(work()), 0
    try:
        # It has begun before anybody can end it, so that its report says that it ended.
        await asyncio.sleep(0)
        yield _ndjson(dry_run_json(dry_run))
        while lines := await waiting.get():
            for line in lines:
                position += 1
                yield _ndjson({"position": position, **line_to_json(line)})
        ended = await dry_runs.reports.get(dry_run.org_id, dry_run.dry_run_id)
        if ended is not None:
            yield _ndjson(dry_run_json(ended))
    finally:
        working.cancel()


@router.get("/list-dry-runs", responses=documented(DryRunListOut))
async def list_dry_runs(caller: CallerOf, dry_runs: DryRunsOf, app_id: str | None = None) -> Response:
    """The dry runs that are kept, newest first."""
    found = await dry_runs.reports.recent(caller.org_id, app_id)
    return JsonResponse({"items": [dry_run_json(one) for one in found]})


@router.get("/get-dry-run/{dry_run_id}", responses=documented(DryRunOut, 200, 404))
async def get_dry_run(dry_run_id: str, caller: CallerOf, dry_runs: DryRunsOf) -> Response:
    """One dry run without its lines."""
    return JsonResponse(dry_run_json(await _known(dry_runs, caller.org_id, dry_run_id)))


@router.get("/list-dry-run-lines/{dry_run_id}", responses=documented(DryRunLinesOut, 200, 404, 422))
async def list_dry_run_lines(
    dry_run_id: str,
    caller: CallerOf,
    dry_runs: DryRunsOf,
    action: Action | None = None,
    side: Side | None = None,
    limit: Annotated[int, Query(ge=1, le=_MOST)] = 100,
    pagination_key: Annotated[str, Query(pattern=r"^\d{1,18}$")] = "0",
) -> Response:
    """A page of its lines, all or those of one action or side."""
    await _known(dry_runs, caller.org_id, dry_run_id)
    found = await dry_runs.reports.lines(
        caller.org_id, dry_run_id, after=int(pagination_key), limit=limit + 1, action=action, side=side
    )
    page, more = found[:limit], len(found) > limit
    answer = {
        "items": [{"position": position, **line} for position, line in page],
        "has_more": more,
        "pagination_key": str(page[-1][0]) if more else None,
    }
    return JsonResponse(without_none(answer))


async def _known(dry_runs: DryRuns, org_id: str, dry_run_id: str) -> DryRun:
    found = await dry_runs.reports.get(org_id, dry_run_id)
    if found is None:
        raise HTTPException(404, f"There is no dry run {dry_run_id}.")
    return found


def dry_run_json(dry_run: DryRun) -> dict[str, Any]:
    """A dry run as the API and the command line show it."""
    return without_none(
        {
            "dry_run_id": dry_run.dry_run_id,
            "app_id": dry_run.app_id,
            "kind": dry_run.kind,
            "status": dry_run.status,
            "asked": dict(dry_run.asked),
            "totals": dict(dry_run.totals),
            "forecast": dict(dry_run.forecast),
            "reason": dry_run.reason,
            "created_timestamp": ms(dry_run.created_at),
            "end_timestamp": ms(dry_run.finished_at),
        }
    )


def _ndjson(value: Any) -> bytes:
    return dump_json(value) + b"\n"
