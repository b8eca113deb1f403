"""Cuts a query into tokens."""

import re
from dataclasses import dataclass

from tieline.sandbox.salesforce.soql.errors import query_error

_TOKEN = re.compile(
    r"""
      (?P<blank>\s+)
    | (?P<string>'(?:[^'\\]|\\.)*')
    | (?P<datetime>\d{4}-\d{2}-\d{2}T[0-9:.]+(?:[Zz]|[+-]\d{2}:?\d{2})?)
    | (?P<date>\d{4}-\d{2}-\d{2})
    | (?P<number>[+-]?(?:\d+(?:\.\d+)?|\.\d+)(?:[eE][+-]?\d+)?)
    | (?P<name>[A-Za-z_][A-Za-z0-9_]*(?:\.[A-Za-z_][A-Za-z0-9_]*)*)
    | (?P<operator><=|>=|!=|<>|=|<|>)
    | (?P<mark>[(),:])
    """,
    re.VERBOSE | re.DOTALL,
)

_ESCAPES = {"n": "\n", "r": "\r", "t": "\t", "b": "\b", "f": "\f", '"': '"', "'": "'", "\\": "\\"}
_LIKE_ESCAPES = {"_": "_", "%": "%"}


@dataclass(frozen=True, slots=True)
class Token:
    """`kind` is a group name of the pattern above, `end`, or `bad` for a character that starts no token."""

    kind: str
    text: str
    at: int

    @property
    def word(self) -> str:
        return self.text.upper() if self.kind == "name" else ""


def tokens_of(text: str) -> list[Token]:
    """All tokens up to the `end` or the first `bad` one, which the parser may never reach."""
    found: list[Token] = []
    at = 0
    while at < len(text):
        match = _TOKEN.match(text, at)
        if match is None:
            found.append(Token("bad", text[at], at))
            break
        kind = match.lastgroup or ""
        if kind != "blank":
            found.append(Token(kind, match.group(), at))
        at = match.end()
    found.append(Token("end", "<EOF>", at))
    return found


def unescape(text: str, whole: str, at: int) -> str:
    """What a string literal means."""
    return "".join(char for char, _ in _characters(text, whole, at))


def like_pattern(text: str, whole: str, at: int) -> re.Pattern[str]:
    """A LIKE pattern as a regular expression: `%` any text, `_` one character, both escapable."""
    parts: list[str] = []
    for char, escaped in _characters(text, whole, at):
        if char == "%" and not escaped:
            parts.append(".*")
        elif char == "_" and not escaped:
            parts.append(".")
        else:
            parts.append(re.escape(char))
    return re.compile("".join(parts), re.IGNORECASE | re.DOTALL)


def _characters(text: str, whole: str, at: int) -> list[tuple[str, bool]]:
    found: list[tuple[str, bool]] = []
    place = 0
    while place < len(text):
        char = text[place]
        place += 1
        if char != "\\":
            found.append((char, False))
            continue
        code = text[place] if place < len(text) else ""
        place += 1
        if code in ("u", "U"):
            digits = text[place : place + 4]
            place += 4
            if re.fullmatch(r"[0-9a-fA-F]{4}", digits) is None:
                raise query_error(whole, at, f"Invalid unicode escape sequence '\\{code}{digits}'")
            found.append((chr(int(digits, 16)), True))
        elif (meant := _ESCAPES.get(code) or _LIKE_ESCAPES.get(code)) is not None:
            found.append((meant, True))
        else:
            raise query_error(whole, at, f"Illegal string escape sequence '\\{code}'")
    return found
