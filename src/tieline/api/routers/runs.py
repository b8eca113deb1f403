"""The history of runs: what each sync, audit, push, creation, logging and analysis did, and what went wrong in it."""

from typing import Annotated, Any

from fastapi import APIRouter, Query
from pydantic import BaseModel
from starlette.exceptions import HTTPException
from starlette.responses import Response

from tieline.api.responses import JsonResponse, ms, without_none
from tieline.api.routers.apps import ConnectionsOf
from tieline.api.routing import ApiRoute, CallerOf
from tieline.api.schemas import documented
from tieline.store.runs import Run

router = APIRouter(route_class=ApiRoute, tags=["CRM"])
_MOST = 1000


class RunOut(BaseModel):
    """One run. `counts` are of records, contacts or conversations; `errors` counts each class of error, in words."""

    run_id: str
    app_id: str | None = None
    kind: str
    status: str
    triggered_by: str
    full_read: bool = False
    counts: dict[str, int]
    errors: dict[str, int]
    requests_sent: int
    engine: str | None = None
    reason: str | None = None
    created_timestamp: int
    start_timestamp: int | None = None
    end_timestamp: int | None = None
    duration_ms: int | None = None


class RunPageOut(BaseModel):
    """Runs, newest first."""

    items: list[RunOut]
    has_more: bool
    pagination_key: str | None = None


@router.get("/list-runs", responses=documented(RunPageOut, 200, 422))
async def list_runs(
    caller: CallerOf,
    connections: ConnectionsOf,
    app_id: str | None = None,
    kind: Annotated[list[str] | None, Query()] = None,
    limit: Annotated[int, Query(ge=1, le=_MOST)] = 50,
    pagination_key: str | None = None,
) -> Response:
    """Runs of all apps or of one, of all kinds or of some (`kind` may be given often), newest first."""
    found = await connections.runs.recent(
        caller.org_id, app_id, limit + 1, kinds=kind, before=pagination_key or None
    )
    page = found[:limit]
    more = len(found) > limit
    answer = {
        "items": [run_json(run) for run in page],
        "has_more": more,
        "pagination_key": page[-1].run_id if more else None,
    }
    return JsonResponse(without_none(answer))


@router.get("/get-run/{run_id}", responses=documented(RunOut, 200, 404))
async def get_run(run_id: str, caller: CallerOf, connections: ConnectionsOf) -> Response:
    """One run."""
    run = await connections.runs.get(caller.org_id, run_id)
    if run is None:
        raise HTTPException(404, f"There is no run {run_id}.")
    return JsonResponse(run_json(run))


def run_json(run: Run) -> dict[str, Any]:
    """A run as the API shows one."""
    lasted = None
    if run.started_at is not None and run.finished_at is not None:
        lasted = round((run.finished_at - run.started_at).total_seconds() * 1000)
    return without_none(
        {
            "run_id": run.run_id,
            "app_id": run.app_id,
            "kind": run.kind,
            "status": run.status,
            "triggered_by": run.triggered_by,
            "full_read": run.full_read,
            "counts": dict(run.counts),
            "errors": dict(run.errors),
            "requests_sent": run.requests_sent,
            "engine": run.engine,
            "reason": run.reason,
            "created_timestamp": ms(run.created_at),
            "start_timestamp": ms(run.started_at),
            "end_timestamp": ms(run.finished_at),
            "duration_ms": lasted,
        }
    )
