"""The labelled conversations: a transcript, what is asked, what is right, and where it is said.

Read from `transcripts/`; how they are labelled is in README.md. Must never change a label to fit an engine.
"""

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from eval.merge_cases import LabelError
from tieline.ports.llm import AskedField

HERE = Path(__file__).parent
CATEGORIES = frozenset(
    """messy number_words relative_date spelled_email changes_mind nothing_rather_than_guess negation condition chat
    emoji other_language voicemail nothing_said injection long""".split()
)
_FILLER = re.compile(r"^\{filler (\d+)\}$", re.MULTILINE)
_SMALL_TALK = (
    "User: mm yeah the weather here is something else today",
    "Agent: Same here, it rained all morning.",
    "User: my kids are off school so it's a bit loud sorry",
    "Agent: No problem at all.",
    "User: let me just find the charger hang on",
    "Agent: Take your time.",
    "User: okay I'm back where were we",
    "Agent: We were looking at the screen with the menu on the left.",
    "User: right yes I see it now",
    "Agent: Great, and the button below it?",
    "User: uh huh that one's blue for me",
    "Agent: That is how it should be.",
    "User: funny mine was grey before",
)


@dataclass(frozen=True, slots=True)
class Expected:
    """What one field should be. `value` None: nothing. `accept` are other values that are as good; `quotes` the
    places in the transcript that say it. `preset`: it is about the whole, so no quote is asked for."""

    asked: AskedField
    value: Any
    accept: tuple[Any, ...]
    quotes: tuple[str, ...]
    preset: bool = False


@dataclass(frozen=True, slots=True)
class Conversation:
    """A transcript with the fields asked of it. `started_at` carries the conversation's time zone."""

    id: str
    channel: str
    language: str
    categories: tuple[str, ...]
    direction: str
    started_at: datetime
    transcript: str
    fields: tuple[Expected, ...]


def conversations(directory: Path = HERE / "transcripts") -> tuple[Conversation, ...]:
    """All of them, in the order of the files' names. Raises LabelError."""
    found = []
    for path in sorted(directory.glob("*.toml")):
        for raw in tomllib.loads(path.read_text(encoding="utf-8"))["conversation"]:
            try:
                found.append(_conversation(raw))
            except (KeyError, ValueError, TypeError) as error:
                raise LabelError(f"{path.name}, {raw.get('id')}: {type(error).__name__} {error}") from error
    return tuple(found)


def small_talk(lines: int) -> str:
    """That many lines that say nothing: what makes a conversation long."""
    return "\n".join(_SMALL_TALK[number % len(_SMALL_TALK)] for number in range(lines))


def _conversation(raw: Mapping[str, Any]) -> Conversation:
    if unknown := set(raw) - {*Conversation.__slots__, "time_zone"}:
        raise ValueError(f"unknown members {', '.join(sorted(unknown))}")
    started = raw["started_at"]
    if not isinstance(started, datetime) or started.tzinfo is not None:
        raise ValueError("started_at must be local time, without an offset")
    transcript = _FILLER.sub(lambda match: small_talk(int(match[1])), raw["transcript"].strip("\n"))
    return Conversation(
        raw["id"],
        raw.get("channel", "call"),
        raw.get("language", "en"),
        tuple(raw["categories"]),
        raw.get("direction", "inbound"),
        started.replace(tzinfo=ZoneInfo(raw["time_zone"])),
        transcript,
        tuple(_expected(field) for field in raw["fields"]),
    )


def _expected(raw: Mapping[str, Any]) -> Expected:
    known = {"name", "type", "description", "examples", "choices", "required", "condition"}
    if unknown := set(raw) - known - {"expected", "nothing", "accept", "quotes", "preset"}:
        raise ValueError(f"unknown members {', '.join(sorted(unknown))}")
    if ("expected" in raw) == bool(raw.get("nothing")):
        raise ValueError(f"{raw['name']}: either expected, or nothing = true")
    asked = AskedField(**{name: raw[name] for name in known if name in raw})
    return Expected(
        asked,
        raw.get("expected"),
        tuple(raw.get("accept", ())),
        tuple(raw.get("quotes", ())),
        raw.get("preset", False),
    )
