"""Merging by a language model, at any endpoint that speaks OpenAI's chat API. Needs the extra `tieline[llm]`.

Must never be called inside a database transaction, and never let the endpoint's key into an error.
"""

import asyncio
from importlib.util import find_spec
from typing import TYPE_CHECKING

from tieline.llm.prompts import INSTRUCTIONS, merge_prompt
from tieline.ports.llm import LlmError, MergeRequest

if TYPE_CHECKING:
    from pydantic_ai.models import Model

MAX_ANSWER_TOKENS = 1024
# No note is that long; an answer that is has gone astray.
MAX_ANSWER_CHARACTERS = 20_000


class ModelMerger:
    """`TextMerger` by a model of pydantic-ai. One request a merge, no tools, no memory; `timeout_s` bounds it."""

    def __init__(self, model: "Model", *, timeout_s: float = 30.0) -> None:
        from pydantic_ai import Agent
        from pydantic_ai.settings import ModelSettings

        self._name = model.model_name
        self._timeout_s = timeout_s
        settings = ModelSettings(temperature=0.0, max_tokens=MAX_ANSWER_TOKENS, timeout=timeout_s)
        self._agent = Agent(model, instructions=INSTRUCTIONS, model_settings=settings, retries=0)

    @property
    def engine(self) -> str:
        """The model's name."""
        return self._name

    async def merge(self, request: MergeRequest) -> str:
        """The model's text. Raises LlmError when it fails, is late, or answers nothing or far too much."""
        try:
            async with asyncio.timeout(self._timeout_s):
                answer = (await self._agent.run(merge_prompt(request))).output.strip()
        except TimeoutError:
            raise LlmError(f"The model {self._name} did not answer within {self._timeout_s:g} s.") from None
        except Exception as error:
            # Whatever the client library raises; its text may quote the request, so only the kind is told.
            raise LlmError(f"The model {self._name} failed: {type(error).__name__}.") from None
        if not answer:
            raise LlmError(f"The model {self._name} answered nothing.")
        if len(answer) > MAX_ANSWER_CHARACTERS:
            raise LlmError(f"The model {self._name} answered {len(answer)} characters.")
        return answer


def openai_merger(
    model: str, *, base_url: str | None = None, api_key: str | None = None, timeout_s: float = 30.0
) -> ModelMerger:
    """A merger at an OpenAI-compatible endpoint (default: OpenAI's own). Raises LlmError without the extra."""
    if find_spec("pydantic_ai") is None:
        raise LlmError("A model is configured, but its client is not installed: pip install 'tieline[llm]'.")
    from openai import AsyncOpenAI
    from pydantic_ai.models.openai import OpenAIChatModel
    from pydantic_ai.providers.openai import OpenAIProvider

    # Endpoints of one's own often want no key; the client insists on some text. No retries: the worker retries.
    client = AsyncOpenAI(base_url=base_url, api_key=api_key or "none", max_retries=0, timeout=timeout_s)
    return ModelMerger(
        OpenAIChatModel(model, provider=OpenAIProvider(openai_client=client)), timeout_s=timeout_s
    )
