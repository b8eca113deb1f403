"""What every REST handler shares: the call with its version and user, JSON in and out, errors to answers."""

import json
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from tieline.sandbox.kernel.exchange import Exchange, exchange_of
from tieline.sandbox.kernel.values import JsonObject
from tieline.sandbox.salesforce.errors import JSON_HEADERS, SalesforceError
from tieline.sandbox.salesforce.org import Organisation, shown
from tieline.sandbox.salesforce.schema import Field
from tieline.sandbox.salesforce.store import Record
from tieline.sandbox.salesforce.writes import Write

USER_KEY = "sandbox.user"
_DUPLICATE_HEADER = "sforce-duplicate-rule-header"


@dataclass(slots=True)
class Call:
    """One REST request."""

    org: Organisation
    request: Request
    exchange: Exchange
    version: str

    @property
    def user_id(self) -> str:
        return str(self.request.scope[USER_KEY])

    def path(self, name: str) -> str:
        return str(self.request.path_params[name])

    def query(self, name: str) -> str | None:
        return self.request.query_params.get(name)

    def header(self, name: str) -> str | None:
        return self.request.headers.get(name)

    def json(self) -> object:
        try:
            return json.loads(self.exchange.body)
        except (ValueError, RecursionError) as error:
            raise SalesforceError(
                "JSON_PARSER_ERROR", f"Unexpected character or end of input: {error}"
            ) from None

    def json_object(self) -> JsonObject:
        value = self.json()
        if not isinstance(value, dict):
            raise SalesforceError("JSON_PARSER_ERROR", "The HTTP entity body must be a JSON object")
        return value

    def write(self) -> Write:
        allow = "allowsave=true" in (self.header(_DUPLICATE_HEADER) or "").replace(" ", "").lower()
        return Write(self.org, self.user_id, self.exchange, body=self.exchange.body, allow_duplicates=allow)

    def record_url(self, sobject: str, record_id: str) -> str:
        return f"/services/data/v{self.version}/sobjects/{sobject}/{record_id}"

    def render(self, sobject: str, fields: list[Field], record: Record) -> JsonObject:
        """A record as REST shows it, `attributes` first."""
        url = self.record_url(sobject, str(record["Id"]))
        rendered: JsonObject = {"attributes": {"type": sobject, "url": url}}
        for item in fields:
            rendered[item.name] = shown(item, record)
        return rendered


Handler = Callable[[Call], Response]
Endpoint = Callable[[Request], Awaitable[Response]]


def endpoint(org: Organisation, handler: Handler) -> Endpoint:
    """A Starlette endpoint that turns `SalesforceError` into its answer."""

    async def run(request: Request) -> Response:
        version = str(request.path_params.get("version", "")).removeprefix("v")
        try:
            return handler(Call(org, request, exchange_of(request), version))
        except SalesforceError as error:
            return error.answer().response()

    return run


def json_response(value: object, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    return Response(msgspec.json.encode(value), status, {**JSON_HEADERS, **(headers or {})})


def no_content() -> Response:
    return Response(status_code=204)
