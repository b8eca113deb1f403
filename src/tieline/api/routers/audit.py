"""Audit jobs of the app that syncs contacts, in the style of the sync jobs. Retell has no such endpoints."""

from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends
from pydantic import BaseModel
from starlette.exceptions import HTTPException
from starlette.responses import Response

from tieline.api.responses import JsonResponse
from tieline.api.routers.apps import ConnectionsOf, known_app
from tieline.api.routers.sync import NOT_LINKED, why_not
from tieline.api.routing import ApiRoute, CallerOf
from tieline.api.schemas import documented
from tieline.api.services import Services, services_of
from tieline.store.runs import Run, RunInProgressError, job_status

router = APIRouter(route_class=ApiRoute, tags=["CRM"])
ServicesOf = Annotated[Services, Depends(services_of)]

_COUNTS = ("checked", "waiting", "missing_here", "missing_there", "differing", "stuck", "repaired", "not_touched",
           "second_activities")  # fmt: skip


class AuditStatusOut(BaseModel):
    """An audit. `idle` when none is queued or running; then the counts are the last one's.

    `checked` records were compared; `waiting` of them differ by changes that the next sync brings anyway.
    `missing_here`, `missing_there`, `differing` and `stuck` did not agree and were `repaired` by the ordinary rules.
    `not_touched` were no longer shown, but so many that no deletion was believed. `second_activities` are
    conversations that the CRM has twice.
    """

    status: Literal["queued", "running", "idle"]
    triggered_by: Literal["manual", "cron"] = "manual"
    start_timestamp: int = 0
    checked: int = 0
    waiting: int = 0
    missing_here: int = 0
    missing_there: int = 0
    differing: int = 0
    stuck: int = 0
    repaired: int = 0
    not_touched: int = 0
    second_activities: int = 0


@router.post("/run-audit-job", status_code=201, responses=documented(AuditStatusOut, 201, 400))
async def run_audit_job(caller: CallerOf, services: ServicesOf, connections: ConnectionsOf) -> Response:
    """Queues an audit of the linked app. Refused while one is queued or running."""
    app_id = (await services.configs.get(caller.org_id)).app_id
    if app_id is None:
        raise HTTPException(400, NOT_LINKED)
    app = await known_app(connections, caller.org_id, app_id)
    if not app.may_run:
        raise HTTPException(400, why_not(app))
    try:
        run = await connections.runs.queue_audit(caller.org_id, app_id, triggered_by="manual")
    except RunInProgressError as error:
        raise HTTPException(400, str(error)) from None
    return JsonResponse(_status(run), 201)


@router.get("/get-audit-job-status", responses=documented(AuditStatusOut))
async def get_audit_job_status(
    caller: CallerOf, services: ServicesOf, connections: ConnectionsOf
) -> Response:
    """The audit in flight, else the last one's counts as `idle`."""
    app_id = (await services.configs.get(caller.org_id)).app_id
    run = None if app_id is None else await connections.runs.last_audit(caller.org_id, app_id)
    return JsonResponse(_status(run))


def _status(run: Run | None) -> dict[str, Any]:
    """A run in the shape of an audit's status."""
    status = {k: v for k, v in job_status(run).items() if k not in ("succeeded", "failed")}
    return {**status, **{name: run.counts.get(name, 0) for name in _COUNTS}} if run else status
