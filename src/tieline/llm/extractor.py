"""Finding structured data in a transcript by one structured-output request. What comes of it is checked elsewhere.

Only the fields that were asked for are read from an answer; whatever else is in it is not looked at.
"""

import re
from collections.abc import Mapping, Sequence
from typing import Any, Final

from tieline.llm.asking import Asker
from tieline.llm.models import ModelSpec
from tieline.llm.prompts import Prompt, closed_object, extract_prompt, prompt_version
from tieline.ports.llm import AskedField, Extraction, ExtractRequest, Found

_SAFE: Final = re.compile(r"[A-Za-z][A-Za-z0-9_]{0,63}")
_TEXT: Final = {"type": "string"}
_TYPES: Final[Mapping[str, Mapping[str, Any]]] = {
    "string": _TEXT,
    "email": _TEXT,
    "phone": _TEXT,
    "boolean": {"type": "boolean"},
    "number": {"type": "number"},
    "date": closed_object({"said": _TEXT, "iso": _TEXT}),
    "datetime": closed_object({"said": _TEXT, "iso": _TEXT}),
}


class ModelExtractor:
    """Implements `ports.llm.Extractor`."""

    def __init__(self, asker: Asker) -> None:
        self._asker = asker

    @property
    def engine(self) -> str:
        """The model's name."""
        return self._asker.engine

    @property
    def prompt_version(self) -> str:
        """Which prompt it is given."""
        return self._asker.prompt_version

    async def extract(self, request: ExtractRequest) -> Extraction:
        """What the transcript says. Raises LlmError."""
        keys = keys_of(request.fields)
        prompt: Prompt = extract_prompt(request, keys)
        answer, usage = await self._asker.structured(
            prompt.instructions, prompt.data, schema_of(request.fields, keys)
        )
        found = {
            asked.name: one
            for asked, key in zip(request.fields, keys, strict=True)
            if (one := _found(answer.get(key))) is not None
        }
        return Extraction(found, usage)


def keys_of(fields: Sequence[AskedField]) -> list[str]:
    """A name for each field that every endpoint's schemas allow: its own, else `field_` and its place."""
    names = [asked.name for asked in fields]
    return [
        name if _SAFE.fullmatch(name) and not name.startswith("field_") else f"field_{place}"
        for place, name in enumerate(names)
    ]


def schema_of(fields: Sequence[AskedField], keys: Sequence[str]) -> dict[str, Any]:
    """The answer's form: each field is null, or a value with its quote and confidence."""
    members = {}
    for asked, key in zip(fields, keys, strict=True):
        value = (
            {"type": "string", "enum": list(asked.choices)} if asked.type == "enum" else _TYPES[asked.type]
        )
        answer = closed_object({"value": value, "quote": _TEXT, "confidence": {"type": "number"}})
        members[key] = {"anyOf": [answer, {"type": "null"}]}
    return closed_object(members)


def _found(raw: Any) -> Found | None:
    """One answer. A weak model may give the bare value: without a quote it will stand only for a preset."""
    if raw is None:
        return None
    if not isinstance(raw, Mapping) or "value" not in raw:
        return Found(raw)
    if raw["value"] is None:
        return None
    quote, confidence = raw.get("quote"), raw.get("confidence")
    if isinstance(confidence, bool) or not isinstance(confidence, (int, float)):
        confidence = None
    return Found(raw["value"], quote if isinstance(quote, str) else "", confidence)


def model_extractor(spec: ModelSpec) -> ModelExtractor:
    """The extractor that a specification names. Raises LlmRefusedError."""
    return ModelExtractor(Asker.at(spec, prompt_version=prompt_version(spec.use, spec.prompt_version)))
