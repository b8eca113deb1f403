"""The body of a logged conversation, and how it is recognised again.

HubSpot's activity bodies are rich text: it may change blanks and tags, and people edit them. So lines are
written as HTML and always compared as plain text. The conversation's key is the last line, and it is never
cut: a body over HubSpot's limit loses the end of its summary, and says so. What a caller said is text here
and can never become markup or a key.
"""

import re
from html import escape, unescape
from typing import Final

from tieline.domain.activities import Activity

BODY_LIMIT: Final = 65_536
REFERENCE: Final = "Ref: "

_CUT: Final = "[The rest of the summary does not fit into HubSpot and was left out.]"
_BREAK: Final = "<br>\n"
_LINE_END = re.compile(r"<br\s*/?>|</(?:p|div|li|h[1-6]|ul|ol|blockquote)\s*>|\n", re.IGNORECASE)
_TAG = re.compile(r"</?[a-zA-Z][^<>]*>")


def body(activity: Activity) -> str:
    """The description as HTML with the key as its last line, within HubSpot's limit."""
    text = activity.description()
    whole = _render(text, activity.key, cut=False)
    if _length(whole) <= BODY_LIMIT:
        return whole
    low, high = 0, len(text)
    while low < high:
        middle = (low + high + 1) // 2
        if _length(_render(text[:middle], activity.key, cut=True)) <= BODY_LIMIT:
            low = middle
        else:
            high = middle - 1
    return _render(text[:low], activity.key, cut=True)


def _render(text: str, key: str, *, cut: bool) -> str:
    lines = [escape(line, quote=False) for line in text.splitlines()]
    return _BREAK.join([*lines, *([_CUT] if cut else []), "", escape(REFERENCE + key, quote=False)])


def _length(text: str) -> int:
    """HubSpot counts as Java does, in UTF-16 units."""
    return len(text) + sum(character > "\uffff" for character in text)


def plain_lines(html: str) -> list[str]:
    """The visible lines of a body: no tags, single blanks, no empty lines."""
    lines = (" ".join(unescape(_TAG.sub("", line)).split()) for line in _LINE_END.split(html))
    return [line for line in lines if line]


def has_key(html: str, key: str) -> bool:
    """Whether this body is the one written for the key: its last reference line is exactly the key's. Text
    that somebody added below does not hide it, and a reference that was spoken in the call stands above it.
    """
    references = [line for line in plain_lines(html) if line.startswith(REFERENCE)]
    return bool(references) and references[-1] == " ".join((REFERENCE + key).split())


def same_text(one: str, other: str) -> bool:
    """Whether two bodies show the same text."""
    return plain_lines(one) == plain_lines(other)
