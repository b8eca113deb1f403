"""BottleCRM's errors: status, and what little its answers say, to one class of `ports.errors`.

There are no error codes. A refusal is `{"error": true, "errors": {field: [texts]}}`, everything else `{"detail": text}`
or a page of HTML. A token that is unknown, revoked or expired is a 403, with the words of `_TOKEN_REFUSED`.
"""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any, Final

import msgspec

from tieline.connectors.bottlecrm import paths
from tieline.connectors.bottlecrm.types import CUSTOM
from tieline.connectors.spec import decode_json
from tieline.ports.crm import Request, Response
from tieline.ports.errors import (
    AccessTokenExpiredError,
    CrmError,
    DuplicateRecordError,
    FatalError,
    PermissionMissingError,
    RateLimitedError,
    RecordGoneError,
    RecordRejectedError,
    TransientError,
)

# The first is what most routes say, the others come from those that can do without an organisation.
_TOKEN_REFUSED: Final = (
    "Organization context is required",
    "Invalid token",
    "Token revoked or expired",
    "Token owner or org is inactive",
    "Authentication credentials were not provided",
)
_TAKEN: Final = "already exists with this email"
_WAIT_S: Final = 60
_TRY_AGAIN: Final = frozenset({408, 423, 425})


def classify(request: Request, response: Response) -> CrmError | None:
    """The error of an answer, or None where the operation should see it."""
    status = response.status
    if status < 400:
        return None
    body = _body(response)
    detail, code = _said(body), str(status)
    if status == 429:
        return RateLimitedError(
            "BottleCRM asks for a pause.",
            until=response.received_at + timedelta(seconds=_wait_s(response)),
            detail=detail,
            code=code,
        )
    if status >= 500 or status in _TRY_AGAIN:
        return TransientError(
            f"BottleCRM failed at {request.method} {request.path}.",
            maybe_applied=request.applies,
            detail=detail,
            code=code,
        )
    if status == 401 or (status == 403 and detail.startswith(_TOKEN_REFUSED)):
        return AccessTokenExpiredError(
            "BottleCRM does not accept the access token: it is unknown, revoked or expired, or its owner is no longer "
            "an active member. Make a new one under Profile, API tokens.",
            detail=detail,
            code=code,
        )
    if status == 403:
        return PermissionMissingError(
            f"BottleCRM does not let the token's owner do {request.method} {request.path}.",
            detail=detail,
            code=code,
        )
    if status == 404:
        return _not_found(request, body, detail)
    if status == 400 and isinstance(body, dict) and request.applies:
        return _refused(body, detail)
    return FatalError(
        f"BottleCRM cannot do {request.method} {request.path} (status {status}).", detail=detail, code=code
    )


def _not_found(request: Request, body: Any, detail: str) -> CrmError:
    kept = (paths.CONTACTS, paths.INTERACTIONS)
    # An id that is no UUID matches no route, and is as gone as any other.
    one_of_them = request.path.startswith(kept) and request.path not in (paths.CONTACTS, paths.DUPLICATES)
    if isinstance(body, dict) or (one_of_them and request.path != paths.INTERACTIONS):
        return RecordGoneError(
            "The record is not in BottleCRM under this id, or the token's owner may not open it.",
            detail=detail,
            code="404",
        )
    return FatalError(
        f"There is no {request.path} at this address; is it BottleCRM's API, version 1.35 or newer?",
        detail=detail,
        code="404",
    )


def _refused(body: Mapping[str, Any], detail: str) -> CrmError:
    field = next(iter(_fields(body)), None)
    if _TAKEN in detail:
        return DuplicateRecordError(
            "BottleCRM holds a contact with this email already.", detail=detail, code="400"
        )
    where = f" because of {field}" if field else ""
    return RecordRejectedError(
        f"BottleCRM refuses the record{where}.", field=field, detail=detail, code="400"
    )


def _fields(body: Mapping[str, Any]) -> list[str]:
    """The fields that a refusal names, by our names of them."""
    said = body.get("errors", body)
    if not isinstance(said, dict):
        return []
    own = said.get("custom_fields")
    named = [name for name in said if name not in ("non_field_errors", "custom_fields", "detail", "error")]
    return named + ([CUSTOM + key for key in own] if isinstance(own, dict) else [])


def _said(body: Any) -> str:
    """The texts of an answer, with the fields that they are about."""
    if not isinstance(body, dict):
        return ""
    said = body.get("errors", body.get("detail", body.get("error", body)))
    return "; ".join(_texts(said))[:2000]


def _texts(said: Any, about: str = "") -> list[str]:
    match said:
        case dict():
            own = about == "custom_fields"
            return [
                text for name, one in said.items() for text in _texts(one, f"{CUSTOM if own else ''}{name}")
            ]
        case list():
            return [text for one in said for text in _texts(one, about)]
        case str():
            return [f"{about}: {said}" if about and about != "non_field_errors" else said]
    return []


def _body(response: Response) -> Any:
    try:
        return decode_json(response.body)
    except (msgspec.DecodeError, UnicodeDecodeError, ArithmeticError):
        return None


def _wait_s(response: Response) -> int:
    said = response.headers.get("retry-after", "")
    return max(1, int(said)) if said.isdigit() else _WAIT_S
