"""Models that answer what a test tells them."""

import json
from typing import Any

from pydantic_ai.messages import ModelMessage, ModelRequest, ModelResponse, TextPart, UserPromptPart
from pydantic_ai.models.function import AgentInfo, FunctionModel

from tieline.llm.asking import Asker
from tieline.llm.models import ModelSpec
from tieline.ports.llm import ModelUse


def answering(text: str, seen: list[ModelMessage] | None = None) -> FunctionModel:
    """One answer to everything."""

    async def answer(messages: list[ModelMessage], info: AgentInfo) -> ModelResponse:
        if seen is not None:
            seen.extend(messages)
        return ModelResponse([TextPart(text)])

    return FunctionModel(answer)


def asker(model: FunctionModel, use: ModelUse = ModelUse.MERGE) -> Asker:
    """An asker of it, with JSON by the prompt."""
    return Asker(model, ModelSpec(use, "scripted", output="text"), prompt_version=f"{use}-1")


def data_of(message: ModelMessage) -> Any:
    """The JSON that was given to a model."""
    assert isinstance(message, ModelRequest)
    (prompt,) = [part for part in message.parts if isinstance(part, UserPromptPart)]
    return json.loads(str(prompt.content))
