"""Answers of models, kept by what was asked: a preview's answer is the one that the run then uses. Stdlib only."""

from collections.abc import Mapping
from typing import Any, Protocol


class Answers(Protocol):
    """Kept answers. `key` is a hash of use, engine, prompt version and everything that was asked."""

    async def kept(self, org_id: str, key: str) -> Mapping[str, Any] | None:
        """The answer to exactly that, if it was asked before."""

    async def keep(self, org_id: str, key: str, engine: str, answer: Mapping[str, Any]) -> None:
        """Keeps an answer; the first one given stays."""
