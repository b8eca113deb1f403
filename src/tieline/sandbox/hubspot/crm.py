"""The emulated HubSpot as the sandbox kernel serves and steers it."""

from collections.abc import Mapping, Sequence

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from tieline.sandbox.hubspot.admin import Admin
from tieline.sandbox.hubspot.api.call import Call
from tieline.sandbox.hubspot.api.routes import Found, find_route, is_known_path
from tieline.sandbox.hubspot.errors import error_for, names_for
from tieline.sandbox.hubspot.portal import Portal
from tieline.sandbox.hubspot.settings import change_settings
from tieline.sandbox.hubspot.tokens import DEFAULT_TOKEN, Token
from tieline.sandbox.hubspot.wire import HubSpotError
from tieline.sandbox.kernel.clock import SandboxClock
from tieline.sandbox.kernel.errors import AdminError
from tieline.sandbox.kernel.exchange import Answer, Exchange, exchange_of
from tieline.sandbox.kernel.faults import Faults
from tieline.sandbox.kernel.log import RequestLog
from tieline.sandbox.kernel.values import JsonObject

__all__ = ["DEFAULT_TOKEN", "HubSpotCrm"]

# Not documented by HubSpot; what its front servers commonly allow.
MAX_URI = 16_384
_METHODS = ["GET", "POST", "PUT", "PATCH", "DELETE"]
_FOUND, _TOKEN = "hubspot.route", "hubspot.token"


class HubSpotCrm:
    """One portal behind the kernel's protocol `SandboxCrm`."""

    name = "hubspot"

    def __init__(self, settings: JsonObject | None = None, clock: SandboxClock | None = None) -> None:
        self.clock = clock or SandboxClock()
        self.faults = Faults()
        self.log = RequestLog()
        self.portal = Portal(self.clock, self.faults)
        self._admin = Admin(self.portal)
        self._bearers: dict[int, Token] = {}
        if settings:
            self.settings(settings)
        self.seed = self._admin.seed
        self.create = self._admin.create
        self.edit = self._admin.edit
        self.delete = self._admin.delete
        self.restore = self._admin.restore
        self.merge = self._admin.merge
        self.change_schema = self._admin.change_schema
        self.state = self._admin.state

    def routes(self) -> Sequence[BaseRoute]:
        return [Route("/{path:path}", self._dispatch, methods=_METHODS)]

    def operation(self, method: str, path: str) -> str:
        found = find_route(method, path)
        return found.operation if found else "unknown"

    def admit(self, request: Request) -> Response | None:
        """Authenticates and counts; paths that are not known are left to the 404."""
        exchange = exchange_of(request)
        found = find_route(request.method, exchange.path)
        request.scope[_FOUND] = found
        if len(exchange.path) + len(exchange.query) > MAX_URI:
            return self.authentic_error(414).response()
        if found is None or found.public:
            return None
        try:
            now = self.portal.now()
            token = self.portal.tokens.authenticate(request.headers.get("authorization"), now)
            self._bearers[exchange.number] = token
            self.portal.limits.count(
                token.text, now, self.portal.settings.time_zone, search=found.search, oauth=token.oauth
            )
        except HubSpotError as error:
            return error.answer().response()
        request.scope[_TOKEN] = token
        return None

    def answer_headers(self, exchange: Exchange) -> Mapping[str, str]:
        """The rate limit headers; none where nobody is authenticated."""
        token = self._bearers.pop(exchange.number, None)
        if token is None:
            return {}
        search = exchange.operation.endswith(".search")
        return self.portal.limits.headers(token.text, self.portal.now(), search=search, oauth=token.oauth)

    def authentic_error(self, status: int, name: str | None = None) -> Answer:
        try:
            return error_for(status, name).answer()
        except KeyError as error:
            raise AdminError(
                f"status {status} has no {name!r}; it has {', '.join(names_for(status))}"
            ) from error

    def settings(self, spec: JsonObject) -> JsonObject:
        return change_settings(self.portal, spec)

    async def _dispatch(self, request: Request) -> Response:
        exchange = exchange_of(request)
        found: Found | None = request.scope.get(_FOUND)
        if found is None:
            raise HTTPException(405 if is_known_path(exchange.path) else 404)
        call = Call(self.portal, request, exchange, request.scope.get(_TOKEN), found.params)
        try:
            return found.handler(call)
        except HubSpotError as error:
            return error.answer().response()


def create(settings: JsonObject) -> HubSpotCrm:
    """A fresh, empty portal with these settings."""
    return HubSpotCrm(settings)
