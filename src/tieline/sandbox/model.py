"""An emulated language model for extraction: OpenAI's chat API on the outside, and a few plain rules on the inside.

It understands nothing. It looks for what shows by its own shape (an e-mail address, a day), for the choices of an enum
and for long words of a field's examples, so that a walk-through can show the whole way from a transcript to a CRM
without a network. What it says must never be taken for what a model would say.
"""

import json
import re
from collections.abc import Callable, Mapping
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

NAME = "sandbox-rules"

Answer = Mapping[str, Any] | None
_EMAIL = re.compile(r"[\w.+-]+@[\w-]+\.\w+(?:\.\w+)*|\b([\w.+-]+) at (\w+) dot (\w+)\b", re.IGNORECASE)
_DAY = re.compile(
    r"\b(?:today|tomorrow|(?:next |on )?(?:mon|tues|wednes|thurs|fri|satur|sun)day)\b", re.IGNORECASE
)
_LONG_WORD = 6


def create_model() -> Starlette:
    """The endpoint, to be used as `base_url`/v1 with any key."""
    return Starlette(routes=[Route("/v1/chat/completions", _completions, methods=["POST"])])


async def _completions(request: Request) -> JSONResponse:
    body = await request.json()
    content = json.dumps(answers(_data(body["messages"])))
    text = json.dumps(body)
    usage = {"prompt_tokens": len(text) // 4, "completion_tokens": len(content) // 4}
    message = {"role": "assistant", "content": content}
    return JSONResponse(
        {
            "id": "chatcmpl-sandbox",
            "object": "chat.completion",
            "created": 0,
            "model": NAME,
            "choices": [{"index": 0, "finish_reason": "stop", "message": message}],
            "usage": {**usage, "total_tokens": sum(usage.values())},
        }
    )


def _data(messages: list[Mapping[str, Any]]) -> Mapping[str, Any]:
    """The JSON object of the last message that somebody asks with."""
    content = next(m["content"] for m in reversed(messages) if m["role"] == "user")
    text = content if isinstance(content, str) else "".join(part.get("text", "") for part in content)
    found: Mapping[str, Any] = json.loads(text)
    return found


def answers(data: Mapping[str, Any]) -> dict[str, Answer]:
    """One answer for each field that is asked for: null, or a value with the sentence that has it."""
    sentences = [
        sentence.strip()
        for line in str(data["transcript"]).splitlines()
        for sentence in re.split(r"(?<=[.!?])\s+", line.partition(": ")[2] or line)
        if sentence.strip()
    ]
    return {field["name"]: _answer(field, sentences) for field in data["fields"]}


def _answer(field: Mapping[str, Any], sentences: list[str]) -> Answer:
    if field.get("about_all"):
        return _about_all(field, sentences)
    finder = _FINDERS.get(field["type"])
    if finder is None:
        return None
    # What is said later corrects what was said before.
    for sentence in reversed(sentences):
        value = finder(field, sentence)
        if value is not None:
            return {"value": value, "quote": sentence, "confidence": 0.9}
    return None


def _about_all(field: Mapping[str, Any], sentences: list[str]) -> Answer:
    match field["type"]:
        case "boolean":
            value: Any = "voicemail" not in field["name"]
        case "enum":
            value = "Neutral"
        case _:
            value = max(sentences, key=len, default="")
    return {"value": value, "quote": "", "confidence": 0.9}


def _email(field: Mapping[str, Any], sentence: str) -> str | None:
    match = _EMAIL.search(sentence)
    if match is None:
        return None
    return f"{match[1]}@{match[2]}.{match[3]}".lower() if match[1] else match[0]


def _choice(field: Mapping[str, Any], sentence: str) -> str | None:
    words = re.findall(r"\w+", sentence.lower())
    return next((choice for choice in field.get("choices", ()) if choice.lower() in words), None)


def _labelled(field: Mapping[str, Any], sentence: str) -> str | None:
    labels = {word for text in field.get("examples", ()) for word in re.findall(r"\w+", text.lower())}
    said = set(re.findall(r"\w+", sentence.lower()))
    return sentence if any(len(word) >= _LONG_WORD for word in labels & said) else None


def _day(field: Mapping[str, Any], sentence: str) -> dict[str, str] | None:
    match = _DAY.search(sentence)
    return None if match is None else {"said": match[0], "iso": ""}


_FINDERS: Mapping[str, Callable[[Mapping[str, Any], str], Any]] = {
    "email": _email, "enum": _choice, "string": _labelled, "date": _day,
}  # fmt: skip
