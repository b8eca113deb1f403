"""Turns every answer of HubSpot's error catalogue into the one error that says what to do next.

Sources: HubSpot's "Error handling" and "Usage guidelines" pages, and recorded answers. Every member of an
error body is optional, so the status alone must always be enough. Sentences are for an administrator;
HubSpot's own text is kept as `detail`, without anything that looks like a token.
"""

import re
from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Any, Final

from tieline.connectors.hubspot import paths
from tieline.connectors.hubspot.error_body import ErrorBody, named, read_body, redacted
from tieline.ports.crm import Request, Response
from tieline.ports.errors import (
    AccessTokenExpiredError,
    CredentialsInvalidError,
    CrmError,
    CursorGoneError,
    DuplicateRecordError,
    FatalError,
    PermissionMissingError,
    RateLimitedError,
    RecordGoneError,
    RecordRejectedError,
    SchemaDriftError,
    TransientError,
)

_EXISTING = re.compile(r"Existing ID:\s*(\d+)")
_ONE_RECORD = re.compile(r"/crm/objects/[^/]+/[^/]+/(?!search\Z)([^/]+)(?:/associations/[^/]+)?\Z")

_MIGRATION_S: Final = 600.0
_DAILY_S: Final = 3_600.0


def classify(request: Request, response: Response) -> CrmError | None:
    """The error that an answer stands for; None for 2xx, 207 included."""
    if 200 <= response.status < 300:
        return None
    body = read_body(response)
    if request.path == paths.TOKEN and response.status in (400, 401, 403):
        return CredentialsInvalidError(
            "HubSpot refuses the connection's OAuth credentials. Connect the HubSpot account again.",
            detail=body.text,
            code=body.code,
        )
    handler = _BY_STATUS.get(response.status)
    if handler is not None:
        return handler(request, response, body)
    return _server(request, response, body) if response.status >= 500 else _fatal(request, response, body)


def _unauthorized(request: Request, response: Response, body: ErrorBody) -> CrmError:
    if body.category == "EXPIRED_AUTHENTICATION":
        return AccessTokenExpiredError(
            "HubSpot's access token has expired.", detail=body.text, code=body.code
        )
    return CredentialsInvalidError(
        "HubSpot does not accept the access token. Paste a current token of the private app or service key,"
        " or connect the account again.",
        detail=body.text,
        code=body.code,
    )


def _forbidden(request: Request, response: Response, body: ErrorBody) -> CrmError:
    scopes = body.scopes()
    if scopes:
        needed = f"one of the scopes {', '.join(scopes)}" if len(scopes) > 1 else f"the scope {scopes[0]}"
        message = f"HubSpot lets this connection do that only with {needed}. Grant it to the app in HubSpot."
    else:
        message = (
            "HubSpot does not allow this connection to do that. Check the app's scopes and the account's"
            " edition."
        )
    return PermissionMissingError(message, detail=body.text, code=body.code)


def _not_found(request: Request, response: Response, body: ErrorBody) -> CrmError:
    record = _ONE_RECORD.search(request.path)
    if record or body.category == "OBJECT_NOT_FOUND":
        return RecordGoneError(
            "The record is no longer in HubSpot under this id.",
            external_id=record.group(1) if record else "",
            detail=body.text,
            code=body.code,
        )
    return FatalError(
        "HubSpot does not know this address.", detail=f"{request.path}: {body.text}", code=body.code
    )


def _conflict(request: Request, response: Response, body: ErrorBody) -> CrmError:
    return conflict(body.text, body.context, code=body.code)


def conflict(text: str, context: Mapping[str, Any], *, code: str) -> DuplicateRecordError:
    """A unique value that another record has. The other's id stands in the text or, in a batch, in
    `existingId`."""
    existing = [*named(context, "existingId"), *_EXISTING.findall(text)]
    return DuplicateRecordError(
        "HubSpot already has a contact with the same e-mail address or another unique value.",
        existing_ids=tuple(dict.fromkeys(existing)),
        detail=redacted(text),
        code=code,
    )


def _bad_request(request: Request, response: Response, body: ErrorBody) -> CrmError:
    gone = next(named(body.context, "INVALID_OBJECT_IDS"), None)
    if gone is not None:
        message = "The record is no longer in HubSpot under this id."
        return RecordGoneError(message, external_id=gone, detail=body.text, code="INVALID_OBJECT_IDS")
    field, code = body.culprit()
    if code == "PROPERTY_DOESNT_EXIST":
        which = f'"{field}"' if field else "that a mapping names"
        return SchemaDriftError(
            f"The HubSpot property {which} does not exist any more. Map another one, or create it again in"
            " HubSpot.",
            field=field,
            detail=body.text,
            code=code,
        )
    if request.applies:
        return rejected(body.text, field=field, code=code)
    if request.path == paths.CONTACTS and "after" in request.query:
        return CursorGoneError(
            "HubSpot does not know the saved place of this read any more.", detail=body.text, code=body.code
        )
    return _fatal(request, response, body)


def rejected(text: str, *, field: str | None, code: str) -> RecordRejectedError:
    """A record whose values HubSpot refuses, with the reason in an administrator's words."""
    where = f' for the property "{field}"' if field else ""
    reason = _REASONS.get(code, "refuses a value")
    return RecordRejectedError(f"HubSpot {reason}{where}.", field=field, detail=redacted(text), code=code)


_REASONS: Final[Mapping[str, str]] = {
    "READ_ONLY_VALUE": "does not let anybody set a value",
    "INVALID_OPTION": "has no such option",
    "INVALID_EMAIL": "does not take this as an e-mail address",
    "INVALID_LONG": "takes only a whole number",
    "INVALID_INTEGER": "takes only a whole number",
    "INVALID_NUMBER": "takes only a number",
    "INVALID_DATE": "takes only a date",
    "INVALID_BOOLEAN": "takes only true or false",
    "PROPERTY_VALUE_TOO_LONG": "does not take so long a value",
    "REQUIRED_PROPERTY": "requires a value",
    "MISSING_REQUIRED_PROPERTY": "requires a value",
}


def _rate_limited(request: Request, response: Response, body: ErrorBody) -> CrmError:
    daily = body.policyName.upper() == "DAILY" or "daily limit" in body.message.lower()
    said = _seconds(response.headers.get("retry-after"))
    if daily:
        # The count restarts at midnight of the account, whose time zone the answer does not tell.
        wait = said or _DAILY_S
        message = "The HubSpot account has used up its requests for today; they start again at its midnight."
    else:
        wait = said or _policy_wait(response, body)
        message = f"HubSpot asks for a pause of {wait:g} seconds."
    until = response.received_at + timedelta(seconds=wait)
    return RateLimitedError(
        message, until=until, daily=daily, detail=body.text, code=body.policyName or body.code
    )


def _policy_wait(response: Response, body: ErrorBody) -> float:
    policy = f"{body.policyName} {body.message}".lower()
    if "ten_secondly" in policy:
        interval = _seconds(response.headers.get("x-hubspot-ratelimit-interval-milliseconds"))
        return interval / 1000 if interval else 10.0
    return 1.0 if "secondly" in policy else 10.0


def _seconds(header: str | None) -> float | None:
    try:
        seconds = float(header or "")
    except ValueError:
        return None
    return seconds if 0 < seconds < 1e7 else None


def _locked(request: Request, response: Response, body: ErrorBody) -> CrmError:
    return TransientError(
        "HubSpot holds a lock on this record; it is tried again.", detail=body.text, code=body.code
    )


def _migrating(request: Request, response: Response, body: ErrorBody) -> CrmError:
    wait = _seconds(response.headers.get("retry-after")) or _MIGRATION_S
    return RateLimitedError(
        "HubSpot is moving the account to another data centre and takes no requests until that is done.",
        until=response.received_at + timedelta(seconds=wait),
        detail=body.text,
        code=body.code,
    )


def _timeout(request: Request, response: Response, body: ErrorBody) -> CrmError:
    return TransientError(
        "HubSpot did not get the request in time; it is tried again.",
        maybe_applied=request.applies,
        detail=body.text,
        code=body.code,
    )


def _server(request: Request, response: Response, body: ErrorBody) -> CrmError:
    # Cloudflare's 521 to 526 mean that it could not talk to HubSpot; a request may still have arrived.
    return TransientError(
        f"HubSpot has a fault of its own (HTTP {response.status}); the request is made again later.",
        maybe_applied=request.applies,
        detail=body.text,
        code=body.code,
    )


def _fatal(request: Request, response: Response, body: ErrorBody) -> CrmError:
    return FatalError(
        f"HubSpot cannot accept this request (HTTP {response.status}). This is a fault in Tieline or in"
        " HubSpot; please report it.",
        detail=f"{request.method} {request.path}: {body.text}",
        code=body.code,
    )


_BY_STATUS: Final[Mapping[int, Callable[[Request, Response, ErrorBody], CrmError]]] = {
    400: _bad_request,
    401: _unauthorized,
    403: _forbidden,
    404: _not_found,
    408: _timeout,
    409: _conflict,
    410: _not_found,
    422: _bad_request,
    423: _locked,
    429: _rate_limited,
    477: _migrating,
}
