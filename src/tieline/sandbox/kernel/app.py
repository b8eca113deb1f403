"""Puts a CRM, the gate and the admin routes together into one ASGI application."""

import json
from collections.abc import Callable
from datetime import UTC, datetime

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Mount, Route

from tieline.sandbox.kernel.crm import SandboxCrm
from tieline.sandbox.kernel.errors import AdminError
from tieline.sandbox.kernel.gate import ADMIN_PREFIX, Gate
from tieline.sandbox.kernel.values import JsonObject, as_object, decode_object, get_number, parse_moment

AdminOperation = Callable[[JsonObject], JsonObject]


def make_app(crm: SandboxCrm) -> Starlette:
    """The application that serves `crm` and, under `/__sandbox__/`, steers it."""
    admin = Mount(ADMIN_PREFIX, routes=_admin_routes(crm))

    async def no_such_resource(request: Request, error: Exception) -> Response:
        status = error.status_code if isinstance(error, HTTPException) else 500
        if request.url.path.startswith(ADMIN_PREFIX):
            return _problem(f"there is no {request.method} {request.url.path}", status)
        return crm.authentic_error(status).response()

    return Starlette(
        routes=[admin, *crm.routes()],
        middleware=[Middleware(Gate, crm=crm)],
        exception_handlers={HTTPException: no_such_resource, AdminError: _admin_problem},
    )


def _problem(message: str, status: int) -> Response:
    return JSONResponse({"error": message}, status_code=status)


async def _admin_problem(request: Request, error: Exception) -> Response:
    assert isinstance(error, AdminError)
    return _problem(error.message, error.status)


def _admin_routes(crm: SandboxCrm) -> list[Route]:
    operations: dict[str, AdminOperation] = {
        "/seed": crm.seed,
        "/create": crm.create,
        "/edit": crm.edit,
        "/delete": crm.delete,
        "/restore": crm.restore,
        "/merge": crm.merge,
        "/schema": crm.change_schema,
        "/settings": crm.settings,
        "/clock": lambda spec: _set_clock(crm, spec),
    }
    reads: dict[str, Callable[[], JsonObject]] = {
        "/health": lambda: {"status": "ok", "crm": crm.name},
        "/state": crm.state,
        "/settings": lambda: crm.settings({}),
        "/clock": lambda: _clock(crm),
        "/faults": lambda: _faults(crm),
    }
    return [
        *(Route(path, _posted(operation), methods=["POST"]) for path, operation in operations.items()),
        *(Route(path, _read(read), methods=["GET"]) for path, read in reads.items()),
        Route("/faults", _add_faults(crm), methods=["POST"]),
        Route("/faults", _delete_faults(crm), methods=["DELETE"]),
        Route("/faults/{rule_id}", _delete_faults(crm), methods=["DELETE"]),
        Route("/requests", _requests(crm), methods=["GET", "DELETE"]),
    ]


def _posted(operation: AdminOperation) -> Callable[[Request], object]:
    async def endpoint(request: Request) -> Response:
        return JSONResponse(operation(decode_object(await request.body())))

    return endpoint


def _read(read: Callable[[], JsonObject]) -> Callable[[Request], object]:
    async def endpoint(request: Request) -> Response:
        return JSONResponse(read())

    return endpoint


def _clock(crm: SandboxCrm) -> JsonObject:
    return {"now": crm.clock.now().isoformat(), "frozen": crm.clock.frozen}


def _set_clock(crm: SandboxCrm, spec: JsonObject) -> JsonObject:
    """`{"advance": seconds}` and/or `{"freeze": ISO datetime | true | false}`."""
    unknown = set(spec) - {"advance", "freeze"}
    if unknown or not spec:
        raise AdminError("clock takes advance (seconds) and freeze (a datetime, true or false)")
    if "freeze" in spec:
        crm.clock.freeze(_freeze_at(crm, spec["freeze"]))
    if "advance" in spec:
        crm.clock.advance(get_number(spec, "advance"))
    return _clock(crm)


def _freeze_at(crm: SandboxCrm, value: object) -> datetime | None:
    if value is None or value is False:
        return None
    if value is True:
        return crm.clock.now()
    if isinstance(value, str):
        return parse_moment(value, "freeze").astimezone(UTC)
    raise AdminError("freeze must be an ISO 8601 datetime, true or false")


def _faults(crm: SandboxCrm) -> JsonObject:
    return {"faults": [rule.as_json() for rule in crm.faults.rules()]}


def _add_faults(crm: SandboxCrm) -> Callable[[Request], object]:
    async def endpoint(request: Request) -> Response:
        """One rule, or a list of them."""
        body = await request.body()
        try:
            value = json.loads(body)
        except ValueError as error:
            raise AdminError(f"the body is not JSON: {error}") from error
        specs = value if isinstance(value, list) else [value]
        added = [crm.faults.add(as_object(spec, "a fault")).as_json() for spec in specs]
        return JSONResponse({"faults": added})

    return endpoint


def _delete_faults(crm: SandboxCrm) -> Callable[[Request], object]:
    async def endpoint(request: Request) -> Response:
        rule_id = request.path_params.get("rule_id")
        if rule_id is None:
            crm.faults.clear()
        else:
            crm.faults.remove(rule_id)
        return JSONResponse(_faults(crm))

    return endpoint


def _requests(crm: SandboxCrm) -> Callable[[Request], object]:
    async def endpoint(request: Request) -> Response:
        """Query: operation, method, since (a request number), limit."""
        if request.method == "DELETE":
            crm.log.clear()
            return JSONResponse({"counts": crm.log.counts(), "requests": []})
        query = request.query_params
        entries = crm.log.entries(
            operation=query.get("operation"),
            method=query.get("method"),
            since=_query_int(query.get("since"), 0),
            limit=_query_int(query.get("limit"), 1000),
        )
        return JSONResponse({"counts": crm.log.counts(), "requests": [entry.as_json() for entry in entries]})

    return endpoint


def _query_int(text: str | None, default: int) -> int:
    if text is None:
        return default
    if not text.isdigit():
        raise AdminError("since and limit must be whole numbers")
    return int(text)
