"""HubSpot's own answers for a status, for the faults that the admin API injects."""

from collections.abc import Callable

from tieline.sandbox.hubspot.limits import daily_limit, secondly_limit, ten_secondly_limit
from tieline.sandbox.hubspot.tokens import expired, invalid_authentication, missing_scope
from tieline.sandbox.hubspot.wire import HubSpotError, bad_request
from tieline.sandbox.hubspot.writes import locked

_MIGRATION_SECONDS = 3600


def _migrating() -> HubSpotError:
    headers = {"Retry-After": str(_MIGRATION_SECONDS)}
    return HubSpotError(
        477, "A migration of this account's data is in progress", "MIGRATION", headers=headers
    )


# The first of a status is its default; the names are this sandbox's.
_KNOWN: dict[int, dict[str, Callable[[], HubSpotError]]] = {
    400: {"validation": lambda: bad_request("Invalid input (details will vary based on the error)")},
    401: {"invalid": invalid_authentication, "expired": expired},
    403: {"missing_scopes": lambda: missing_scope("crm.objects.contacts.read")},
    404: {"not_found": lambda: HubSpotError(404, "resource not found", "OBJECT_NOT_FOUND")},
    405: {"method": lambda: HubSpotError(405, "Method Not Allowed")},
    409: {"conflict": lambda: HubSpotError(409, "Contact already exists", "CONFLICT")},
    414: {"uri_too_long": lambda: HubSpotError(414, "URI Too Long")},
    423: {"locked": locked},
    429: {"ten_secondly": ten_secondly_limit, "secondly": secondly_limit, "daily": daily_limit},
    477: {"migration": _migrating},
    500: {"internal": lambda: HubSpotError(500, "internal error", "INTERNAL_ERROR")},
    502: {"bad_gateway": lambda: HubSpotError(502, "Bad Gateway")},
    503: {"unavailable": lambda: HubSpotError(503, "Service Unavailable")},
    504: {"timeout": lambda: HubSpotError(504, "Gateway Timeout")},
}


def error_for(status: int, name: str | None) -> HubSpotError:
    """Raises KeyError for a name that the status does not have."""
    known = _KNOWN.get(status, {})
    if name is not None:
        return known[name]()
    if known:
        return next(iter(known.values()))()
    return HubSpotError(status, "An error occurred")


def names_for(status: int) -> list[str]:
    return list(_KNOWN.get(status, {}))
