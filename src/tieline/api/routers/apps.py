"""Apps, which are connections to CRMs, in the shape of Retell's resource. Credentials go in and never come out."""

from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends, Query
from pydantic import BaseModel, Field
from starlette.exceptions import HTTPException
from starlette.responses import Response

from tieline.api.errors import problems_text
from tieline.api.models import Strict
from tieline.api.responses import JsonResponse, ms, without_none
from tieline.api.routing import ApiRoute, CallerOf
from tieline.api.schemas import documented
from tieline.api.services import Connections, connections_of
from tieline.flows.app_checks import AppRefusedError
from tieline.flows.connecting import AppInput, TooManyAppsError
from tieline.flows.tenancy import NoSwitchError
from tieline.ports.config import AppConfig

router = APIRouter(route_class=ApiRoute, tags=["App"])
ConnectionsOf = Annotated[Connections, Depends(connections_of)]

AppType = Literal["crm", "calendar", "knowledge_base", "support", "communication"]
Limit = Annotated[int, Query(ge=1, le=1_000)]
SortOrder = Literal["ascending", "descending"]


class UpdateApp(Strict):
    """Members that are not sent stay; so do members of `crm_config`, where null takes one away.

    Beyond Retell, `crm_config` may have `default_country`, `time_zone`, `fallback_phone_fields`,
    `sync_interval_minutes`, `audit_interval_hours`, `calculated_interval_hours`, `api_reserve_percent` and `brake`, and
    each of its mappings `policy`, `options`, `lossy_confirmed` and `guard`.
    """

    name: str = ""
    tenant_url: str | None = None
    tenant_id: str | None = None
    auth_config: dict[str, Any] = Field(default={}, repr=False)
    crm_config: dict[str, Any] = Field(default={})


class CreateApp(UpdateApp):
    """A new app. `provider` is salesforce, hubspot or that of another installed connector."""

    type: AppType
    provider: Annotated[str, Field(max_length=100)]


class AppOut(BaseModel):
    """An app. Of its credentials only the type and what is no secret is shown."""

    app_id: str
    org_id: str
    type: AppType
    provider: str
    name: str
    connection_status: Literal["not_connected", "connected", "error"]
    mappings_checked: bool
    created_timestamp: int
    user_modified_timestamp: int
    tenant_url: str = ""
    tenant_id: str = ""
    auth_config: dict[str, str] = {}
    crm_config: dict[str, Any] = {}
    crm_tenant_id: str = ""
    status_reason: str = ""
    stopped_reason: str = ""


class AppPageOut(BaseModel):
    """A page of apps."""

    items: list[AppOut]
    has_more: bool
    pagination_key: str = ""


class UsagePageOut(BaseModel):
    """What refers to an app: nothing, since agents and knowledge bases live elsewhere."""

    items: list[dict[str, Any]]
    has_more: bool


class AuthTestOut(BaseModel):
    """Whether the credentials work now; `message` says why not, or what else is to be done."""

    success: bool
    message: str = ""
    missing_permissions: list[str] = []


@router.post("/create-app", status_code=201, responses=documented(AppOut, 201, 400))
async def create_app(body: CreateApp, caller: CallerOf, connections: ConnectionsOf) -> Response:
    """Connects a CRM. With credentials the CRM is asked within ten seconds, and wrong mappings are refused.

    The app syncs nothing before update-crm-config names it.
    """
    try:
        app = await connections.connecting.create(caller.org_id, _input(body))
    except AppRefusedError as error:
        raise HTTPException(422, problems_text(error.problems)) from None
    except TooManyAppsError as error:
        raise HTTPException(400, str(error)) from None
    return JsonResponse(app_json(app), 201)


@router.patch("/update-app/{app_id}", responses=documented(AppOut, 200, 404))
async def update_app(app_id: str, body: UpdateApp, caller: CallerOf, connections: ConnectionsOf) -> Response:
    """Changes what is sent. New credentials or another tenant URL are tried at once."""
    await known_app(connections, caller.org_id, app_id)
    try:
        app = await connections.connecting.update(caller.org_id, app_id, _input(body))
    except AppRefusedError as error:
        raise HTTPException(422, problems_text(error.problems)) from None
    return JsonResponse(app_json(app))


@router.get("/get-app/{app_id}", responses=documented(AppOut, 200, 404))
async def get_app(app_id: str, caller: CallerOf, connections: ConnectionsOf) -> Response:
    """One app."""
    return JsonResponse(app_json(await known_app(connections, caller.org_id, app_id)))


@router.get("/list-apps", responses=documented(AppPageOut))
async def list_apps(
    caller: CallerOf,
    connections: ConnectionsOf,
    limit: Limit = 50,
    pagination_key: str | None = None,
    sort_order: SortOrder = "descending",
    privacy_scope: Literal["standard", "pci"] | None = None,
) -> Response:
    """Apps by creation time. `privacy_scope` is taken and has no effect: no app here provides functions."""
    apps = await connections.connecting.apps(caller.org_id)
    if sort_order == "descending":
        apps.reverse()
    start = 0
    if pagination_key:
        places = [place for place, app in enumerate(apps) if app.app_id == pagination_key]
        if not places:
            raise HTTPException(422, "pagination_key: Give the pagination_key of the page before.")
        start = places[0] + 1
    page = apps[start : start + limit]
    more = start + limit < len(apps)
    answer = {
        "items": [app_json(app) for app in page],
        "has_more": more,
        "pagination_key": page[-1].app_id if more else None,
    }
    return JsonResponse(without_none(answer))


@router.delete("/delete-app/{app_id}", status_code=204, responses=documented(None, 204, 404))
async def delete_app(
    app_id: str, caller: CallerOf, connections: ConnectionsOf, force_delete: bool = False
) -> Response:
    """Deletes an app and clears its link to the contacts' sync. Contacts, links and history stay.

    `force_delete` has no effect, since no agent or knowledge base can refer to an app here.
    """
    await known_app(connections, caller.org_id, app_id)
    await connections.connecting.delete(caller.org_id, app_id)
    return Response(status_code=204)


@router.get("/list-app-usages/{app_id}", responses=documented(UsagePageOut, 200, 404))
async def list_app_usages(
    app_id: str,
    caller: CallerOf,
    connections: ConnectionsOf,
    limit: Limit = 50,
    pagination_key: str | None = None,
    sort_order: SortOrder = "descending",
) -> Response:
    """Agents and knowledge bases that refer to an app: none, as they live elsewhere."""
    await known_app(connections, caller.org_id, app_id)
    return JsonResponse({"items": [], "has_more": False})


@router.post("/test-app-auth/{app_id}", responses=documented(AuthTestOut, 200, 404))
async def test_app_auth(app_id: str, caller: CallerOf, connections: ConnectionsOf) -> Response:
    """Authenticates anew, and checks mappings that could not be checked when they were saved."""
    await known_app(connections, caller.org_id, app_id)
    test = await connections.connecting.test_auth(caller.org_id, app_id)
    missing = list(test.permissions) or None
    answer = {"success": test.success, "message": test.message or None, "missing_permissions": missing}
    return JsonResponse(without_none(answer))


@router.post("/confirm-app-tenant-switch/{app_id}", responses=documented(AppOut, 200, 400, 404))
async def confirm_app_tenant_switch(app_id: str, caller: CallerOf, connections: ConnectionsOf) -> Response:
    """Lets an app go on with another CRM tenant: all links to the former one close."""
    await known_app(connections, caller.org_id, app_id)
    try:
        app = await connections.connecting.confirm_tenant_switch(caller.org_id, app_id)
    except NoSwitchError as error:
        raise HTTPException(400, str(error)) from None
    return JsonResponse(app_json(app))


async def known_app(connections: Connections, org_id: str, app_id: str) -> AppConfig:
    """The organisation's app of that id, or 404."""
    try:
        return await connections.connecting.get(org_id, app_id)
    except LookupError:
        raise HTTPException(404, f"There is no app {app_id}.") from None


def app_json(app: AppConfig) -> dict[str, Any]:
    """An app as Retell shows one, and beside it what Tieline knows of its standing."""
    answer = {
        "app_id": app.app_id,
        "org_id": app.org_id,
        "type": app.type,
        "provider": app.provider,
        "name": app.name,
        "tenant_url": app.tenant_url,
        "tenant_id": app.tenant_sub_id,
        "auth_config": {"type": app.auth_type, **app.auth_public} if app.auth_type else None,
        "crm_config": app.crm_config or None,
        "connection_status": app.connection_status,
        "status_reason": app.status_reason,
        "mappings_checked": app.mappings_checked,
        "stopped_reason": app.stopped_reason,
        "crm_tenant_id": app.tenant_id,
        "created_timestamp": ms(app.created_at),
        "user_modified_timestamp": ms(app.updated_at),
    }
    return without_none(answer)


def _input(body: UpdateApp) -> AppInput:
    return AppInput({name: getattr(body, name) for name in body.model_fields_set})
