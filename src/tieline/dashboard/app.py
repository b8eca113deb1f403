"""The dashboard as an ASGI application, to be mounted at `/dashboard`. Everything that it needs is in `Tieline`."""

from collections.abc import Sequence

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import BaseRoute, Mount
from starlette.staticfiles import StaticFiles

from tieline.bootstrap import Tieline
from tieline.dashboard.pages import (
    brakes,
    connections,
    contacts,
    conversations,
    field_history,
    fields,
    mappings,
    overview,
    review,
    runs,
    settings,
    sign_in,
    undo,
)
from tieline.dashboard.rendering import HERE, render
from tieline.dashboard.security import SecurityHeaders

ROUTES: Sequence[BaseRoute] = (
    *sign_in.ROUTES,
    *overview.ROUTES,
    *contacts.ROUTES,
    *field_history.ROUTES,
    *conversations.ROUTES,
    *fields.ROUTES,
    *connections.ROUTES,
    *mappings.ROUTES,
    *runs.ROUTES,
    *review.ROUTES,
    *undo.ROUTES,
    *brakes.ROUTES,
    *settings.ROUTES,
)


def create_dashboard(tieline: Tieline) -> Starlette:
    """The application. Opening and closing what is in `tieline` is the caller's."""
    static = Mount("/static", StaticFiles(directory=HERE / "static"), name="static")
    app = Starlette(
        routes=[static, *ROUTES],
        middleware=[Middleware(SecurityHeaders)],
        exception_handlers={HTTPException: _refused, 404: _refused, 405: _refused},
    )
    app.state.tieline = tieline
    return app


async def _refused(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    if "hx-request" in request.headers:
        return PlainTextResponse(error.detail, error.status_code)
    words = {404: "There is no such page"}.get(error.status_code, "That did not work")
    detail = error.detail if error.status_code != 404 or error.detail != "Not Found" else ""
    return render(request, "error.html", {"title": words, "detail": detail}, error.status_code)
