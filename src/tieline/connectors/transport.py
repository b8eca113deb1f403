"""One HTTP exchange: a request written for one origin, sent once, its answer read whole or its failure named.

It must never follow a redirect, retry, leave its origin, or let the client's own exceptions out: they carry the
request, and with it the token.
"""

import asyncio
import re
from collections.abc import Mapping
from typing import Final
from urllib.parse import quote, urlencode

import httpx2
import msgspec

from tieline.ports.crm import Request, Response, Token
from tieline.ports.errors import CrmError, FatalError, MalformedAnswerError, TransientError
from tieline.ports.session import Clock

_PATH: Final = re.compile(r"/(?!/)[A-Za-z0-9\-._~%!$&'()*+,;=:@/]*")
_encoder = msgspec.json.Encoder(decimal_format="number")


def written(http: httpx2.AsyncClient, origin: str, request: Request, token: Token | None) -> httpx2.Request:
    """The request as it goes out. Raises FatalError for one that cannot be, or could lead to another origin."""
    headers = {"accept": "application/json", **{name.lower(): text for name, text in request.headers.items()}}
    content: bytes | None = None
    if request.json is not None:
        content = _encoder.encode(request.json)
        headers["content-type"] = "application/json"
    elif request.form is not None:
        content = urlencode(request.form).encode()
        headers["content-type"] = "application/x-www-form-urlencoded"
    if token is not None:
        headers["authorization"] = f"Bearer {token.access_token}"
    try:
        url = _url(origin, request.path, request.query)
        sendable = http.build_request(
            request.method, url, headers=headers, content=content, timeout=request.timeout_s
        )
    except (ValueError, httpx2.InvalidURL):
        # The exception may quote a header, so say only where it happened.
        sendable = None
    if sendable is None:
        raise FatalError(f"{request.method} {request.path} cannot be written as a request.")
    # The client is shared by tenants, and none of them needs cookies.
    sendable.headers.pop("cookie", None)
    return sendable


async def sent(
    http: httpx2.AsyncClient, sendable: httpx2.Request, request: Request, clock: Clock, max_bytes: int
) -> Response:
    """The answer, read whole within the request's time limit. Raises TransientError or MalformedAnswerError."""
    requested_at = clock.now()
    try:
        async with asyncio.timeout(request.timeout_s):
            answer = await http.send(sendable, stream=True, follow_redirects=False)
            try:
                body = await _body(answer, max_bytes)
            finally:
                await answer.aclose()
        if body is not None:
            headers = {name.lower(): value for name, value in answer.headers.items()}
            return Response(answer.status_code, headers, body, requested_at, clock.now())
        failure: BaseException | None = None
    except (TimeoutError, httpx2.RequestError, httpx2.StreamError) as error:
        failure = error
    raise _named(failure, request, max_bytes)


def _named(failure: BaseException | None, request: Request, max_bytes: int) -> CrmError:
    """Our error for the client's; None stands for an answer that is too large."""
    what = f"{request.method} {request.path}"
    kind = type(failure).__name__
    match failure:
        case None:
            return MalformedAnswerError(
                f"The CRM's answer to {what} is larger than {max_bytes} bytes.",
                maybe_applied=request.applies,
                code="too_large",
            )
        case httpx2.ConnectError() | httpx2.ConnectTimeout() | httpx2.PoolTimeout():
            return TransientError("The CRM could not be reached.", maybe_applied=False, code=kind)
        case TimeoutError() | httpx2.TimeoutException():
            return TransientError(
                f"The CRM did not answer {what} within {request.timeout_s:g} s.",
                maybe_applied=request.applies,
                code="timeout",
            )
        case httpx2.LocalProtocolError() | httpx2.UnsupportedProtocol():
            return FatalError(f"{what} cannot be written as a request.", code=kind)
    return TransientError(
        f"The connection to the CRM was lost during {what}.", maybe_applied=request.applies, code=kind
    )


async def _body(answer: httpx2.Response, max_bytes: int) -> bytes | None:
    """The decoded body, or None when it is too large."""
    chunks: list[bytes] = []
    size = 0
    async for chunk in answer.aiter_bytes():
        size += len(chunk)
        if size > max_bytes:
            return None
        chunks.append(chunk)
    return b"".join(chunks)


def _url(origin: str, path: str, query: Mapping[str, str]) -> httpx2.URL:
    """The request's address under the origin. Raises ValueError for a path that could lead elsewhere."""
    if not _PATH.fullmatch(path) or "/../" in f"{path}/" or "%2e" in path.lower():
        raise ValueError("not a path")
    base = httpx2.URL(origin)
    tail = f"?{urlencode(query, quote_via=quote)}" if query else ""
    url = httpx2.URL(f"{origin.rstrip('/')}{path}{tail}")
    if (url.scheme, url.host, url.port) != (base.scheme, base.host, base.port) or url.userinfo:
        raise ValueError("another origin")
    return url
