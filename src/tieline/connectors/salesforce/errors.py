"""What a Salesforce answer stands for: by its code where the catalogue lists it, else by its HTTP status.

No error answer may pass as success, and none is dropped for being unknown.
"""

import re
from datetime import timedelta
from typing import Final

from tieline.connectors.salesforce.catalogue import (
    BUILDERS,
    Problem,
    cursor_gone,
    drift,
    error_of,
    expired,
    gone,
    permission,
    problems_of,
    transient,
)
from tieline.connectors.salesforce.oauth_errors import oauth_error
from tieline.connectors.salesforce.wire import JOBS_PATH, ROOT, TOKEN_PATH
from tieline.ports.crm import Request, Response
from tieline.ports.errors import (
    CrmError,
    CursorGoneError,
    FatalError,
    RateLimitedError,
    TransientError,
)

# A day's share is counted over the last 24 hours, so it comes back little by little.
DAILY_PAUSE: Final = timedelta(minutes=15)
BUSY_PAUSE: Final = timedelta(seconds=30)
_EXCERPT: Final = 500
_LOST_JOB: Final = frozenset({400, 404, 409, 410})


def classify(request: Request, response: Response) -> CrmError | None:
    """The error that an answer stands for; None for 2xx, whose parts the operations judge themselves."""
    if 200 <= response.status < 300:
        return None
    if request.path == TOKEN_PATH:
        return oauth_error(response)
    found = problems_of(response, external_id=_record_in(request.path), applies=request.applies)
    problem = found[0] if found else _unnamed(request, response)
    if problem.code == "REQUEST_LIMIT_EXCEEDED":
        return _rate_limited(problem, response)
    if (
        request.path.startswith(f"{JOBS_PATH}/")
        and response.status in _LOST_JOB
        and problem.code not in BUILDERS
    ):
        return _job_gone(problem)
    if problem.code == "NOT_FOUND":
        return _not_found(request, problem)
    return error_of(problem) or _by_status(problem, response)


def _unnamed(request: Request, response: Response) -> Problem:
    text = " ".join(response.body.decode("utf-8", "replace").split())[:_EXCERPT]
    return Problem("", text, applies=request.applies, status=response.status)


def _record_in(path: str) -> str:
    match = re.fullmatch(rf"{re.escape(ROOT)}/sobjects/\w+/(\w{{15,18}})", path)
    return match.group(1) if match else ""


def _rate_limited(problem: Problem, response: Response) -> RateLimitedError:
    daily = "TotalRequests" in problem.message
    return RateLimitedError(
        "The Salesforce organisation has used up its API requests of the last 24 hours. Work goes on when "
        "some are free again; an administrator can see them under Setup > System Overview."
        if daily
        else "Salesforce is handling too many long requests of this organisation at once; work goes on "
        "shortly.",
        until=response.received_at + (DAILY_PAUSE if daily else BUSY_PAUSE),
        daily=daily,
        detail=problem.message,
        code=problem.code,
    )


def _job_gone(problem: Problem) -> CrmError:
    """Of a bulk job: what no other rule names means that its place is lost, and the read starts again."""
    return CursorGoneError(
        "The Salesforce bulk job of this read is gone (they are kept for seven days); the read starts again.",
        detail=problem.message,
        code=problem.code,
    )


def _not_found(request: Request, problem: Problem) -> CrmError:
    if problem.external_id:
        return gone(problem)
    if problem.field:
        return drift(problem)
    if request.path.startswith((f"{ROOT}/query/", f"{ROOT}/queryAll/")):
        return cursor_gone(problem)
    return FatalError(
        f"Salesforce has nothing at {request.path}; its API version may be too old or too new.",
        detail=problem.message,
        code=problem.code,
    )


def _by_status(problem: Problem, response: Response) -> CrmError:
    status = response.status
    if status >= 500 or status == 408:
        return transient("Salesforce could not handle the request; it is tried again later.")(problem)
    if status in (420, 429):
        return RateLimitedError(
            "Salesforce asks for fewer requests; work goes on shortly.",
            until=response.received_at + BUSY_PAUSE,
            detail=problem.message,
            code=problem.code or str(status),
        )
    if status == 401:
        return expired(problem)
    if status == 403:
        return permission("Salesforce does not allow the connected user this request.")(problem)
    if status == 409:
        return TransientError(
            "Another request was changing the same thing; it is tried again later.",
            detail=problem.message,
            code=problem.code,
        )
    return FatalError(
        f"Salesforce cannot accept the request (HTTP {status}).",
        detail=problem.message,
        code=problem.code or str(status),
    )
