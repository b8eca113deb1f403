"""Which path is which operation. One table serves routing, the request log and faults."""

import re
from collections.abc import Callable
from typing import NamedTuple

from starlette.responses import Response

from tieline.sandbox.hubspot.api import account, associations, batches, objects, properties, searching
from tieline.sandbox.hubspot.api.call import Call
from tieline.sandbox.hubspot.schema import find_type

Handler = Callable[[Call], Response]

_DATED = "2025-09|2026-03|2026-09"
_OBJECTS = rf"/crm/(?:objects/(?P<version>v3|{_DATED})|v3/objects)"
_OBJECTS_LINKS = rf"/crm/(?:objects/(?P<version>v4|{_DATED})|(?P<legacy>v3|v4)/objects)"
_LINKS = rf"/crm/(?:associations/(?P<version>v4|{_DATED})|(?P<legacy>v3|v4)/associations)"
_PROPERTIES = rf"/crm/(?:properties/(?P<version>v3|{_DATED})|v3/properties)"
_SCHEMAS = rf"/(?:crm/v3/schemas|crm-object-schemas/(?P<version>v3|{_DATED})/schemas)"
_OAUTH = rf"/oauth/(?P<version>v1|v3|{_DATED})"
_TYPE, _TARGET, _ID, _OTHER = (f"/(?P<{name}>[^/]+)" for name in ("type", "target", "id", "other"))


class Found(NamedTuple):
    operation: str
    handler: Handler
    params: dict[str, str]
    public: bool
    search: bool


class _Entry(NamedTuple):
    method: str
    pattern: re.Pattern[str]
    operation: str
    handler: Handler
    public: bool = False


def _entry(method: str, path: str, operation: str, handler: Handler, *, public: bool = False) -> _Entry:
    """`{type}` in an operation's name is replaced by the object type's plural."""
    return _Entry(method, re.compile(path + "/?"), operation, handler, public)


_LINK_ROW = f"{_OBJECTS_LINKS}{_TYPE}{_ID}/associations"
_TABLE = (
    _entry("POST", f"{_OBJECTS}{_TYPE}/search", "{type}.search", searching.search_records),
    _entry("POST", f"{_OBJECTS}{_TYPE}/batch/read", "{type}.batch_read", batches.batch_read),
    _entry("POST", f"{_OBJECTS}{_TYPE}/batch/update", "{type}.batch_update", batches.batch_update),
    _entry("POST", f"{_OBJECTS}{_TYPE}/batch/create", "{type}.batch_create", batches.batch_create),
    _entry("POST", f"{_OBJECTS}{_TYPE}/batch/upsert", "{type}.batch_upsert", batches.batch_upsert),
    _entry("POST", f"{_OBJECTS}{_TYPE}/batch/archive", "{type}.batch_archive", batches.batch_archive),
    _entry("POST", f"{_OBJECTS}{_TYPE}/merge", "{type}.merge", objects.merge_records),
    _entry("POST", f"{_OBJECTS}{_TYPE}/gdpr-delete", "{type}.gdpr_delete", objects.erase_record),
    _entry("GET", f"{_OBJECTS}{_TYPE}", "{type}.list", objects.list_records),
    _entry("POST", f"{_OBJECTS}{_TYPE}", "{type}.create", objects.create_record),
    _entry("GET", f"{_OBJECTS}{_TYPE}{_ID}", "{type}.read", objects.read_record),
    _entry("PATCH", f"{_OBJECTS}{_TYPE}{_ID}", "{type}.update", objects.update_record),
    _entry("DELETE", f"{_OBJECTS}{_TYPE}{_ID}", "{type}.archive", objects.archive_record),
    _entry("PUT", f"{_LINK_ROW}/default{_TARGET}{_OTHER}", "associations.default", associations.put_default),
    _entry("GET", f"{_LINK_ROW}{_TARGET}", "associations.list", associations.list_associations),
    _entry("PUT", f"{_LINK_ROW}{_TARGET}{_OTHER}", "associations.put", associations.put_labelled),
    _entry("DELETE", f"{_LINK_ROW}{_TARGET}{_OTHER}", "associations.delete", associations.delete_association),
    _entry(
        "POST", f"{_LINKS}{_TYPE}{_TARGET}/batch/read", "associations.batch_read", associations.batch_read
    ),
    _entry(
        "POST",
        f"{_LINKS}{_TYPE}{_TARGET}/batch/create",
        "associations.batch_create",
        associations.batch_create,
    ),
    _entry(
        "POST",
        f"{_LINKS}{_TYPE}{_TARGET}/batch/associate/default",
        "associations.batch_default",
        associations.batch_default,
    ),
    _entry(
        "POST",
        f"{_LINKS}{_TYPE}{_TARGET}/batch/archive",
        "associations.batch_archive",
        associations.batch_archive,
    ),
    _entry("GET", f"{_LINKS}{_TYPE}{_TARGET}/labels", "associations.labels", associations.list_labels),
    _entry("GET", f"{_PROPERTIES}{_TYPE}", "properties.list", properties.list_properties),
    _entry(
        "POST", f"{_PROPERTIES}{_TYPE}/batch/read", "properties.batch_read", properties.batch_read_properties
    ),
    _entry("POST", f"{_PROPERTIES}{_TYPE}", "properties.create", properties.create_property),
    _entry("GET", f"{_PROPERTIES}{_TYPE}/(?P<name>[^/]+)", "properties.read", properties.read_property),
    _entry("PATCH", f"{_PROPERTIES}{_TYPE}/(?P<name>[^/]+)", "properties.update", properties.update_property),
    _entry(
        "DELETE", f"{_PROPERTIES}{_TYPE}/(?P<name>[^/]+)", "properties.archive", properties.archive_property
    ),
    _entry("GET", f"{_SCHEMAS}{_TYPE}", "schemas.read", properties.read_schema),
    _entry(
        "GET", f"/account-info/(?P<version>v3|{_DATED})/details", "account.details", account.account_details
    ),
    _entry("GET", "/integrations/v1/me", "account.me", account.integrations_me),
    _entry("POST", f"{_OAUTH}/token", "oauth.token", account.grant_token, public=True),
    _entry("POST", f"{_OAUTH}/token/introspect", "oauth.introspect", account.introspect_token, public=True),
    _entry("POST", f"{_OAUTH}/token/revoke", "oauth.revoke", account.revoke_token, public=True),
    _entry(
        "GET", "/oauth/v1/access-tokens/(?P<token>.+)", "oauth.access", account.access_token_info, public=True
    ),
    _entry(
        "GET",
        "/oauth/v1/refresh-tokens/(?P<token>.+)",
        "oauth.refresh",
        account.refresh_token_info,
        public=True,
    ),
)


def find_route(method: str, path: str) -> Found | None:
    """The operation of a request; None when there is none for this method and path."""
    for entry in _TABLE:
        if entry.method != method:
            continue
        match = entry.pattern.fullmatch(path)
        if match is None:
            continue
        params = {name: value for name, value in match.groupdict().items() if value is not None}
        if "legacy" in params:
            params["version"] = params.pop("legacy")
        operation = entry.operation
        if operation.startswith("{type}"):
            kind = find_type(params["type"])
            operation = operation.replace("{type}", kind.name if kind else "unknown")
        return Found(operation, entry.handler, params, entry.public, operation.endswith(".search"))
    return None


def is_known_path(path: str) -> bool:
    return any(entry.pattern.fullmatch(path) for entry in _TABLE)
