"""The body of a HubSpot error answer: what it says, in which words, of which property.

Every member is optional, and a gateway answers HTML or nothing at all; reading a body never fails. Text that
leaves this module never holds anything that looks like a token.
"""

import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

import msgspec

from tieline.ports.crm import Response

_TOKEN_LIKE = re.compile(r"(pat-[\w-]+|Bearer\s+\S+|(?=[\w-]*\d)(?=[\w-]*[A-Z])[\w-]{40,})")
_UNKNOWN: Final = "PROPERTY_DOESNT_EXIST"
_QUOTED_PROPERTY = re.compile(
    r"""Property ["']([^"']+)["'] does(?: not|n't) exist|["']([^"']+)["'] is a read only property"""
)
_DETAIL_CHARACTERS: Final = 2_000


class ErrorDetail(msgspec.Struct):
    """One entry of `errors`."""

    message: str = ""
    code: str = ""
    name: str = ""
    context: dict[str, Any] = {}


class ErrorBody(msgspec.Struct):
    """An error body as HubSpot documents it, and as its token endpoint sends it (`error` members)."""

    status: Any = ""
    message: str = ""
    category: str = ""
    policyName: str = ""  # noqa: N815
    error: str = ""
    error_description: str = ""
    context: dict[str, Any] = {}
    errors: list[ErrorDetail] = []

    @property
    def text(self) -> str:
        """HubSpot's own words; its single complaints where the message is only a list of them as JSON."""
        listed = dict.fromkeys(one.message for one in self.errors if one.message)
        listed = listed or dict.fromkeys(
            str(one["message"]) for one in _embedded(self.message) if one.get("message")
        )
        if listed and "[{" in self.message:
            return redacted(" ".join(listed))
        return redacted(self.message or self.error_description or self.error)

    @property
    def code(self) -> str:
        """The most precise code that is given."""
        return self.culprit()[1]

    def culprit(self) -> tuple[str | None, str]:
        """The property that the first complaint is about, if it names one, and the complaint's code. HubSpot
        lists its complaints as `errors`, within the message as JSON, or in words alone."""
        general = self.category or self.error or (self.status if isinstance(self.status, str) else "")
        quoted = _QUOTED_PROPERTY.search(self.message)
        unknown, read_only = quoted.groups() if quoted else (None, None)
        said = (
            (unknown or read_only, _UNKNOWN if unknown else "READ_ONLY_VALUE") if quoted else (None, general)
        )
        for one in self.errors:
            field = next(named(one.context, "propertyName", "property"), one.name or None)
            if field or one.code:
                return field, one.code or (said[1] if field == said[0] else general)
        for entry in _embedded(self.message):
            if isinstance(entry.get("name"), str):
                return entry["name"], str(entry.get("error") or general)
        if quoted:
            return said
        return next(named(self.context, "propertyName", "property", "properties"), None), general

    def scopes(self) -> list[str]:
        """The scopes that a 403 asks for, any one of which is enough."""
        members = ("requiredGranularScopes", "missingScopes", "requiredScopes")
        contexts = (self.context, *(one.context for one in self.errors))
        return list(dict.fromkeys(scope for context in contexts for scope in named(context, *members)))


def read_body(response: Response) -> ErrorBody:
    """The body of an error answer; its first visible text if it is not JSON."""
    try:
        return msgspec.json.decode(response.body, type=ErrorBody, strict=False)
    except msgspec.ValidationError:
        return _by_member(msgspec.json.decode(response.body))
    except (msgspec.DecodeError, UnicodeDecodeError):
        text = re.sub(r"<[^>]*>|\s+", " ", response.body[:4_000].decode("utf-8", "replace"))
        return ErrorBody(message=" ".join(text.split())[:300])


def _by_member(body: Any) -> ErrorBody:
    """What can be used of a body with a member of another type than documented."""
    known = body if isinstance(body, dict) else {}
    texts = ("message", "category", "policyName", "error", "error_description")
    return ErrorBody(
        **{name: known[name] for name in texts if isinstance(known.get(name), str)},
        context=known["context"] if isinstance(known.get("context"), dict) else {},
    )


def redacted(text: str) -> str:
    """HubSpot's text without anything that looks like a token, at a length that can be shown."""
    text = _TOKEN_LIKE.sub("[hidden]", text)
    return text if len(text) <= _DETAIL_CHARACTERS else text[: _DETAIL_CHARACTERS - 1] + "…"


def named(context: Mapping[str, Any], *members: str) -> Iterator[str]:
    """What a context says under these names; one value and a list of them are the same."""
    for member in members:
        value = context.get(member, ())
        yield from (str(one) for one in (value if isinstance(value, list | tuple) else (value,)))


def _embedded(message: str) -> list[dict[str, Any]]:
    """The JSON list that `Property values were not valid: [...]` carries."""
    start = message.find("[{")
    if start < 0:
        return []
    try:
        return msgspec.json.decode(message[start : message.rfind("]") + 1], type=list[dict[str, Any]])
    except msgspec.DecodeError:
        return []
