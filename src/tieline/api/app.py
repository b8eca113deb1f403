"""The API as an ASGI application: routes, errors, limits.

Everything that it needs is passed in as `Services`.
"""

from collections.abc import Sequence
from importlib.metadata import version
from typing import Annotated

from fastapi import APIRouter, Depends, FastAPI
from starlette.responses import Response

from tieline.api.body_limit import BodyLimit
from tieline.api.errors import install_error_handlers
from tieline.api.responses import JsonResponse
from tieline.api.routers import (
    analysis,
    apps,
    audit,
    backfills,
    brakes,
    config,
    contacts,
    context,
    conversations,
    dry_runs,
    explain,
    mapping_check,
    merges,
    previews,
    quota,
    review,
    runs,
    sync,
    undo,
    webhooks,
)
from tieline.api.routing import OpenRoute
from tieline.api.schemas import ErrorOut, HealthOut
from tieline.api.services import Services, services_of

ROUTERS: Sequence[APIRouter] = (
    contacts.router,
    merges.router,
    undo.router,
    review.router,
    runs.router,
    brakes.router,
    config.router,
    previews.router,
    apps.router,
    mapping_check.router,
    quota.router,
    sync.router,
    dry_runs.router,
    audit.router,
    context.router,
    explain.router,
    conversations.router,
    analysis.router,
    backfills.router,
    webhooks.router,
)

_health = APIRouter(route_class=OpenRoute, tags=["Health"])


@_health.get("/health", responses={200: {"model": HealthOut}, 503: {"model": ErrorOut}})
async def health(services: Annotated[Services, Depends(services_of)]) -> Response:
    """Whether the server and its database answer."""
    async with services.pool.connection(timeout=2.0) as connection:
        await connection.execute("select 1")
    return JsonResponse({"status": "ok"})


def create_app(services: Services) -> FastAPI:
    """The application. Opening and closing what is in `services` is the caller's."""
    app = FastAPI(
        title="Tieline",
        version=version("tieline"),
        description="Contacts, CRM configuration and conversations, in the shape of Retell's API.",
    )
    app.state.services = services
    app.add_middleware(BodyLimit, most=services.limits.body_bytes)
    for router in (*ROUTERS, _health):
        app.include_router(router)
    install_error_handlers(app)
    return app
