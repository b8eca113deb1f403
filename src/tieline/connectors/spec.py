"""What every connector may share: forms that keep secrets, origins, and JSON decoded without floats.

Nothing here knows a vendor, and nothing does I/O.
"""

import re
from decimal import Decimal
from typing import Any, TypeVar
from urllib.parse import urlsplit

import msgspec

from tieline.ports.crm import Capability, Operation, Request, Response
from tieline.ports.errors import FatalError, MalformedAnswerError

T = TypeVar("T")

_LABEL = r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?"
_HOST = re.compile(rf"{_LABEL}(?:\.{_LABEL})+", re.ASCII)
_LOOPBACK_HOSTS = frozenset({"127.0.0.1", "localhost", "::1"})
_IDENTIFIER = re.compile(r"[A-Za-z][A-Za-z0-9_]*")


class SecretForm(dict[str, str]):
    """A form body with secrets in it: its `repr` names the members and shows no value."""

    def __repr__(self) -> str:
        return f"SecretForm({', '.join(self)})"


def is_loopback_origin(url: str) -> bool:
    """True for `http://127.0.0.1:8801` and its like: no user, path, query or fragment."""
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        return False
    host = parts.hostname or ""
    shown = f"[{host}]" if ":" in host else host
    origin = f"http://{shown}" if port is None else f"http://{shown}:{port}"
    return host in _LOOPBACK_HOSTS and url == origin


def is_https_origin(url: str) -> bool:
    """True for `https://crm.example.com` and its like, for a CRM that customers run themselves: a host with a name, and
    no user, path, query or fragment. Numbers are no names, so that nobody's loopback or metadata service is reached.
    """
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        return False
    host = parts.hostname or ""
    origin = f"https://{host}" if port is None else f"https://{host}:{port}"
    last = host.rpartition(".")[2]
    is_name = len(host) <= 253 and _HOST.fullmatch(host) is not None and last[0].isalpha()
    return is_name and last != "localhost" and url == origin


def not_declared(label: str, capability: Capability) -> Operation[Any]:
    """The operation of a capability that a connector does not declare: refused before anything is sent."""
    yield from ()
    raise FatalError(f"{label} has no {capability.value.replace('_', ' ')}, so this cannot be asked of it.")


def is_identifier(name: str) -> bool:
    """True for a name that can stand in a query unquoted."""
    return _IDENTIFIER.fullmatch(name) is not None


_json = msgspec.json.Decoder(float_hook=Decimal)


def decode_json(body: bytes) -> Any:
    """JSON as Python values, `Decimal` where a number has a point or an exponent. Raises ValueError."""
    return _json.decode(body)


def decode_object(request: Request, response: Response) -> dict[str, Any]:
    """The answer's JSON object. Raises MalformedAnswerError for anything else."""
    value = _decode(request, response)
    if isinstance(value, dict):
        return value
    raise malformed(request, response, "not a JSON object")


def decode_list(request: Request, response: Response) -> list[Any]:
    """The answer's JSON array. Raises MalformedAnswerError for anything else."""
    value = _decode(request, response)
    if isinstance(value, list):
        return value
    raise malformed(request, response, "not a JSON array")


def decode_as(request: Request, response: Response, shape: type[T]) -> T:
    """The answer as a msgspec struct. Raises MalformedAnswerError when it does not fit."""
    try:
        return msgspec.json.decode(response.body, type=shape)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise malformed(request, response, str(error)) from None


def malformed(request: Request, response: Response, what: str) -> MalformedAnswerError:
    """The error for an answer that is not what the CRM promises."""
    return MalformedAnswerError(
        f"The CRM gave an unusable answer to {request.method} {request.path}: {what}.",
        maybe_applied=request.applies,
        code=str(response.status),
    )


def _decode(request: Request, response: Response) -> Any:
    try:
        return _json.decode(response.body)
    except (msgspec.DecodeError, UnicodeDecodeError, ArithmeticError):
        raise malformed(request, response, "not JSON") from None
