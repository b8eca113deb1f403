"""The emulated Salesforce as the sandbox kernel serves it: routes, admission, limits, admin."""

import re
from collections import deque
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from tieline.sandbox.kernel.clock import SandboxClock
from tieline.sandbox.kernel.exchange import Answer, Exchange
from tieline.sandbox.kernel.faults import Faults
from tieline.sandbox.kernel.log import RequestLog
from tieline.sandbox.kernel.values import JsonObject
from tieline.sandbox.salesforce import batches, querying, rows
from tieline.sandbox.salesforce.admin import Admin
from tieline.sandbox.salesforce.bulk import BulkJobs
from tieline.sandbox.salesforce.calls import USER_KEY, Call, Endpoint, Handler, endpoint, json_response
from tieline.sandbox.salesforce.errors import (
    authentic_answer,
    bad_message,
    limit_exceeded,
    method_not_allowed,
    not_found,
    session_invalid,
)
from tieline.sandbox.salesforce.oauth import Sessions, revoke_endpoint, token_endpoint
from tieline.sandbox.salesforce.operations import operation_of
from tieline.sandbox.salesforce.org import Organisation, OrgSettings
from tieline.sandbox.salesforce.querying import Cursors
from tieline.sandbox.salesforce.seeding import seed

MAX_HEAD_BYTES = 16_384
_DATA = "/services/data/{version}"
_VERSIONED = re.compile(r"/services/data/v(\d+)\.0(?:/|$)")
_DAY = timedelta(hours=24)
_METHODS = ["GET", "POST", "PUT", "PATCH", "DELETE"]
_RECORD_HANDLERS: tuple[tuple[str, str, Handler], ...] = (
    ("POST", "/composite/sobjects", batches.create_many),
    ("PATCH", "/composite/sobjects", batches.update_many),
    ("DELETE", "/composite/sobjects", batches.delete_many),
    ("POST", "/composite/sobjects/{sobject}", batches.read_many),
    ("GET", "/composite/sobjects/{sobject}", batches.read_many),
    ("PATCH", "/composite/sobjects/{sobject}/{key}", batches.upsert_many),
    ("GET", "/sobjects", rows.sobjects),
    ("GET", "/sobjects/{sobject}/describe", rows.describe_object),
    ("GET", "/sobjects/{sobject}/updated", rows.updated),
    ("GET", "/sobjects/{sobject}/deleted", rows.deleted),
    ("GET", "/sobjects/{sobject}", rows.basic_information),
    ("POST", "/sobjects/{sobject}", rows.create_record),
    ("GET", "/sobjects/{sobject}/{record_id}", rows.read_record),
    ("PATCH", "/sobjects/{sobject}/{record_id}", rows.update_record),
    ("DELETE", "/sobjects/{sobject}/{record_id}", rows.delete_record),
    ("GET", "/sobjects/{sobject}/{key}/{value:path}", rows.read_by_key),
    ("PATCH", "/sobjects/{sobject}/{key}/{value:path}", rows.upsert_record),
    ("DELETE", "/sobjects/{sobject}/{key}/{value:path}", rows.delete_by_key),
)


class SalesforceCrm:
    """Implements the kernel's `SandboxCrm`."""

    name = "salesforce"

    def __init__(self, clock: SandboxClock | None = None, settings: OrgSettings | None = None) -> None:
        self.clock = clock or SandboxClock()
        self.faults = Faults()
        self.log = RequestLog()
        self.org = Organisation(self.clock, self.faults, settings or OrgSettings())
        self.admin = Admin(self.org)
        self.sessions = Sessions(self.org)
        self.cursors = Cursors()
        self.jobs = BulkJobs(self.org)
        self._used: deque[datetime] = deque()

    def operation(self, method: str, path: str) -> str:
        return operation_of(method, path)

    def admit(self, request: Request) -> Response | None:
        """Too long, unknown version, no session, no requests left: in this order."""
        target = len(request.url.path) + len(request.url.query)
        head = target + sum(len(name) + len(value) + 4 for name, value in request.headers.raw)
        if head > MAX_HEAD_BYTES:
            return bad_message(414 if target > MAX_HEAD_BYTES // 2 else 431).response()
        path = request.url.path
        if not path.startswith("/services/data") or path in ("/services/data", "/services/data/"):
            return None
        if not self._knows_version(path):
            return not_found().answer().response()
        token = request.headers.get("authorization", "").partition(" ")[2]
        user = self.sessions.user_of(token)
        if user is None:
            return session_invalid().answer().response()
        if self.api_usage() >= self.org.settings.api_limit:
            return limit_exceeded().answer().response()
        self._used.append(self.clock.now())
        request.scope[USER_KEY] = user
        return None

    def _knows_version(self, path: str) -> bool:
        low, _, high = self.org.settings.allow_versions.partition("-")
        match = _VERSIONED.match(path)
        return match is not None and int(low) <= int(match[1]) <= int(high or low)

    def api_usage(self) -> int:
        """Requests of the last 24 hours."""
        oldest = self.clock.now() - _DAY
        while self._used and self._used[0] <= oldest:
            self._used.popleft()
        return len(self._used)

    def answer_headers(self, exchange: Exchange) -> Mapping[str, str]:
        if not exchange.path.startswith("/services/data"):
            return {}
        return {"Sforce-Limit-Info": f"api-usage={self.api_usage()}/{self.org.settings.api_limit}"}

    def authentic_error(self, status: int, name: str | None = None) -> Answer:
        return authentic_answer(status, name)

    def routes(self) -> Sequence[BaseRoute]:
        jobs, cursors = self.jobs, self.cursors
        handlers: list[tuple[str, str, Handler]] = [
            *_RECORD_HANDLERS,
            ("GET", "/query", lambda call: querying.query(call, cursors, deleted=False)),
            ("GET", "/query/{locator}", lambda call: querying.query_more(call, cursors)),
            ("GET", "/queryAll", lambda call: querying.query(call, cursors, deleted=True)),
            ("GET", "/queryAll/{locator}", lambda call: querying.query_more(call, cursors)),
            ("GET", "/jobs/query", jobs.list),
            ("POST", "/jobs/query", jobs.create),
            ("GET", "/jobs/query/{job_id}", jobs.read),
            ("PATCH", "/jobs/query/{job_id}", jobs.change),
            ("DELETE", "/jobs/query/{job_id}", jobs.delete),
            ("GET", "/jobs/query/{job_id}/results", jobs.results),
            ("GET", "/limits", self._limits),
            ("GET", "", self._resources),
        ]
        return [*self._open_routes(), *_route_table(self.org, handlers)]

    def _open_routes(self) -> list[Route]:
        async def token(request: Request) -> Response:
            return token_endpoint(self.org, self.sessions, request)

        async def revoke(request: Request) -> Response:
            return revoke_endpoint(self.sessions, request)

        async def versions(request: Request) -> Response:
            low, _, high = self.org.settings.allow_versions.partition("-")
            return json_response([_version(number) for number in range(int(low), int(high or low) + 1)])

        return [
            Route("/services/oauth2/token", token, methods=["POST"]),
            Route("/services/oauth2/revoke", revoke, methods=["GET", "POST"]),
            Route("/services/data", versions, methods=["GET"]),
            Route("/services/data/", versions, methods=["GET"]),
        ]

    def _limits(self, call: Call) -> Response:
        limit = self.org.settings.api_limit
        return json_response(
            {
                "DailyApiRequests": {"Max": limit, "Remaining": max(limit - self.api_usage(), 0)},
                "DailyBulkV2QueryJobs": {"Max": 10_000, "Remaining": 10_000},
            }
        )

    def _resources(self, call: Call) -> Response:
        base = f"/services/data/v{call.version}"
        names = ("sobjects", "query", "queryAll", "composite", "limits", "jobs")
        return json_response({name: f"{base}/{name}" for name in names})

    def seed(self, spec: JsonObject) -> JsonObject:
        return seed(self.org, spec)

    def create(self, spec: JsonObject) -> JsonObject:
        return self.admin.create(spec)

    def edit(self, spec: JsonObject) -> JsonObject:
        return self.admin.edit(spec)

    def delete(self, spec: JsonObject) -> JsonObject:
        return self.admin.delete(spec)

    def restore(self, spec: JsonObject) -> JsonObject:
        return self.admin.restore(spec)

    def merge(self, spec: JsonObject) -> JsonObject:
        return self.admin.merge(spec)

    def change_schema(self, spec: JsonObject) -> JsonObject:
        return self.admin.change_schema(spec)

    def settings(self, spec: JsonObject) -> JsonObject:
        """Besides the settings: `expire_sessions` and `expire_locators` (true) act at once."""
        rest = dict(spec)
        if rest.pop("expire_sessions", False) is True:
            self.sessions.expire_all()
        if rest.pop("expire_locators", False) is True:
            self.cursors.clear()
        if "api_used" in rest:
            self._set_usage(rest.pop("api_used"))
        return {**self.admin.settings(rest), "api_used": self.api_usage()}

    def _set_usage(self, used: object) -> None:
        if isinstance(used, int):
            self._used = deque([self.clock.now()] * used)

    def state(self) -> JsonObject:
        return self.admin.state()


def _route_table(org: Organisation, handlers: list[tuple[str, str, Handler]]) -> list[Route]:
    """One route per path for all methods, so that a wrong one is told which are right. A last slash is allowed."""
    by_path: dict[str, dict[str, Endpoint]] = {}
    for method, path, handler in handlers:
        by_path.setdefault(path, {})[method] = endpoint(org, handler)
    return [
        Route(_DATA + spelling, _by_method(methods), methods=_METHODS)
        for path, methods in by_path.items()
        for spelling in (path, f"{path}/")
    ]


def _by_method(methods: Mapping[str, Endpoint]) -> Endpoint:
    async def dispatch(request: Request) -> Response:
        chosen = methods.get("GET" if request.method == "HEAD" else request.method)
        if chosen is None:
            return method_not_allowed(request.method, list(methods)).answer().response()
        return await chosen(request)

    return dispatch


def _version(number: int) -> JsonObject:
    """Three releases a year since v65, which was Winter '26."""
    year, season = divmod(number - 65, 3)
    label = f"{('Winter', 'Spring', 'Summer')[season]} '{26 + year:02d}"
    return {"label": label, "url": f"/services/data/v{number}.0", "version": f"{number}.0"}


def create(settings: JsonObject | None = None, clock: SandboxClock | None = None) -> SalesforceCrm:
    """A fresh organisation; `settings` as `POST /__sandbox__/settings` takes them."""
    crm = SalesforceCrm(clock)
    if settings:
        crm.settings(settings)
    return crm
