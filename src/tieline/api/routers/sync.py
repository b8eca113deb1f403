"""The CRM's schema, and sync jobs of the app that syncs contacts, in the shape of Retell's resource."""

from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends
from pydantic import BaseModel
from starlette.exceptions import HTTPException
from starlette.responses import Response

from tieline.api.errors import problems_text
from tieline.api.models import FieldTypeName
from tieline.api.responses import JsonResponse, without_none
from tieline.api.routers.apps import ConnectionsOf, known_app
from tieline.api.routing import ApiRoute, CallerOf
from tieline.api.schemas import documented
from tieline.api.services import Services, services_of
from tieline.domain.crm_schema import CrmField, CrmSchema
from tieline.domain.values import FieldType
from tieline.flows.app_checks import AppRefusedError
from tieline.flows.tenancy import TenantMismatchError
from tieline.ports.config import AppConfig
from tieline.ports.errors import CrmError, RateLimitedError, TransientError
from tieline.store.runs import RunInProgressError, job_status

router = APIRouter(route_class=ApiRoute, tags=["CRM"])
ServicesOf = Annotated[Services, Depends(services_of)]

NOT_LINKED = "No CRM app is linked: name one as app_id with update-crm-config."


class SchemaFieldOut(BaseModel):
    """A field of the CRM's contact object. `type` is the contact field type that fits it best."""

    name: str
    type: FieldTypeName
    label: str = ""
    description: str = ""
    options: list[str] = []
    read_only: bool = False


class CrmSchemaOut(BaseModel):
    """The contact object as the connected user sees it."""

    provider: str
    fields: list[SchemaFieldOut]


class JobStatusOut(BaseModel):
    """A sync job. `idle` when none is queued or running; then the counts are the last one's."""

    status: Literal["queued", "running", "idle"]
    triggered_by: Literal["manual", "cron"] = "manual"
    start_timestamp: int = 0
    succeeded: int = 0
    failed: int = 0


@router.get("/get-crm-schema", responses=documented(CrmSchemaOut, 200, 400, 404, 429))
async def get_crm_schema(
    caller: CallerOf, services: ServicesOf, connections: ConnectionsOf, app_id: str | None = None
) -> Response:
    """The CRM's contact fields, read now. Without `app_id` those of the linked app."""
    app_id = app_id or (await services.configs.get(caller.org_id)).app_id
    if app_id is None:
        raise HTTPException(400, NOT_LINKED)
    await known_app(connections, caller.org_id, app_id)
    try:
        app, schema = await connections.connecting.read_schema(caller.org_id, app_id)
    except AppRefusedError as error:
        raise HTTPException(400, problems_text(error.problems)) from None
    except RateLimitedError as error:
        raise HTTPException(429, str(error)) from None
    except TransientError as error:
        raise HTTPException(503, str(error)) from None
    except (CrmError, TenantMismatchError) as error:
        raise HTTPException(400, str(error)) from None
    return JsonResponse(schema_json(app, schema))


@router.post("/run-sync-job", status_code=201, responses=documented(JobStatusOut, 201, 400))
async def run_sync_job(caller: CallerOf, services: ServicesOf, connections: ConnectionsOf) -> Response:
    """Queues a full sync of the linked app. Refused while one is queued or running."""
    app_id = (await services.configs.get(caller.org_id)).app_id
    if app_id is None:
        raise HTTPException(400, NOT_LINKED)
    app = await known_app(connections, caller.org_id, app_id)
    if not app.may_run:
        raise HTTPException(400, why_not(app))
    try:
        run = await connections.runs.queue(caller.org_id, app_id, full_read=True, triggered_by="manual")
    except RunInProgressError as error:
        raise HTTPException(400, str(error)) from None
    return JsonResponse(job_status(run), 201)


@router.get("/get-sync-job-status", responses=documented(JobStatusOut))
async def get_sync_job_status(caller: CallerOf, services: ServicesOf, connections: ConnectionsOf) -> Response:
    """The sync job in flight, else the last one's counts as `idle`."""
    app_id = (await services.configs.get(caller.org_id)).app_id
    if app_id is None:
        return JsonResponse(job_status(None))
    run = await connections.runs.in_flight(caller.org_id, app_id)
    if run is None:
        run = next(iter(await connections.runs.recent(caller.org_id, app_id, 1, kinds=["inbound"])), None)
    return JsonResponse(job_status(run))


def schema_json(app: AppConfig, schema: CrmSchema) -> dict[str, Any]:
    """A schema as Retell shows one."""
    return {"provider": app.provider, "fields": [_field_json(crm) for crm in schema]}


def _field_json(crm: CrmField) -> dict[str, Any]:
    options = [option.value for option in crm.options if option.active]
    return without_none(
        {
            "name": crm.name,
            "type": crm.contact_type.value,
            "label": crm.label or None,
            "description": crm.description or None,
            "options": options if crm.contact_type is FieldType.ENUM else None,
            "read_only": True if crm.calculated or not crm.updateable else None,
        }
    )


def why_not(app: AppConfig) -> str:
    """Why no sync can start, and what to do."""
    if app.stopped_reason is not None:
        return f"The app is stopped. {app.stopped_reason}"
    if app.connection_status != "connected":
        return f"The app is not connected. {app.status_reason or 'Try it with test-app-auth.'}"
    if not app.crm_config:
        return "The app has no field mappings yet: set crm_config with update-app."
    return f"The app's mappings are not checked yet. {app.status_reason or 'Try test-app-auth.'}"
