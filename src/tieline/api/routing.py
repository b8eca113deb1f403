"""How a request reaches its route: who calls is known first, and JSON is read exactly.

`ApiRoute` is for callers with an API key, `OpenRoute` for routes that check their caller themselves. This
module must never let a request without a valid key near a route that needs one.
"""

import json
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from typing import Annotated, Any

from fastapi import Depends, Request, Response
from fastapi.routing import APIRoute
from fastapi.security import HTTPBearer
from starlette.exceptions import HTTPException

from tieline.api.services import services_of
from tieline.domain.changeset import SourceKind
from tieline.flows.editing import Editor
from tieline.store.json_text import JsonError, load_json, storable_problem


@dataclass(frozen=True, slots=True)
class Caller:
    """Who calls: an organisation, by one of its keys."""

    org_id: str
    key_id: str

    @property
    def editor(self) -> Editor:
        """The caller as the ledger names it."""
        return Editor(SourceKind.API, self.key_id)


class ExactRequest(Request):
    """A request whose JSON numbers are `int` or `Decimal`."""

    async def json(self) -> Any:
        """The body. What PostgreSQL cannot keep is refused here, for all routes. Raises JSONDecodeError."""
        try:
            value = load_json(await self.body())
        except JsonError as error:
            raise json.JSONDecodeError(str(error), "", 0) from error
        problem = storable_problem(value)
        if problem:
            raise json.JSONDecodeError(problem, "", 0)
        return value


class OpenRoute(APIRoute):
    """A route that anybody may call."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """FastAPI's own handler, with an exact request."""
        handle = super().get_route_handler()

        async def exact(request: Request) -> Response:
            _refuse_nul(request)
            return await handle(ExactRequest(request.scope, request.receive))

        return exact


class ApiRoute(OpenRoute):
    """A route for callers with an API key."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """The handler, behind the check of the key."""
        handle = super().get_route_handler()

        async def authenticated(request: Request) -> Response:
            request.state.caller = await _authenticate(request)
            return await handle(request)

        return authenticated


_bearer = HTTPBearer(auto_error=False, description="An API key: `Authorization: Bearer key_...`")


def _caller(request: Request, _: Annotated[object, Depends(_bearer)]) -> Caller:
    caller = request.state.caller
    assert isinstance(caller, Caller)
    return caller


CallerOf = Annotated[Caller, Depends(_caller)]


async def _authenticate(request: Request) -> Caller:
    scheme, _, text = request.headers.get("authorization", "").partition(" ")
    key = await services_of(request).accounts.key_of(text.strip()) if scheme.lower() == "bearer" else None
    if key is None:
        raise HTTPException(
            401, "Give a valid API key as Authorization: Bearer key_...", {"WWW-Authenticate": "Bearer"}
        )
    return Caller(key.org_id, key.key_id)


def _refuse_nul(request: Request) -> None:
    """PostgreSQL's text cannot hold NUL, so nothing that we know has such a name."""
    if any("\0" in str(value) for value in request.path_params.values()):
        raise HTTPException(404, "Not Found")
    if any("\0" in value for _, value in request.query_params.multi_items()):
        raise HTTPException(422, "Text must not contain a NUL character.")
