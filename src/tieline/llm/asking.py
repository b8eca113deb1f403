"""One request to a model: bounded in time, counted, priced, and its failures named by what to do next.

Must never be called inside a database transaction, and never let a key or a text that was sent into an error.
"""

import asyncio
import json
import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from tieline.llm.models import ModelSpec, OutputMode, open_model
from tieline.ports.llm import LlmAnswerError, LlmError, LlmRefusedError, LlmUnavailableError, Usage

if TYPE_CHECKING:
    from pydantic_ai.models import Model
    from pydantic_ai.usage import RunUsage

# What an endpoint answers that knows no `response_format` of type `json_schema`, or fails over it.
_TAKES_NO_SCHEMA = frozenset({400, 422, 500, 501})

_MOST_LISTED = 200


class Asker:
    """A model for one use. One request a question: no tools, no memory, no second try, but for one thing: whether an
    endpoint of one's own takes a schema is found out by the first question.
    """

    def __init__(self, model: "Model", spec: ModelSpec, *, prompt_version: str = "") -> None:
        self._model = model
        self._spec = spec
        self._mode = _known(model, spec.output)
        self._sure = spec.output != "auto" or spec.base_url is None or self._mode != "schema"
        self.prompt_version = prompt_version
        self.engine = model.model_name
        self.use = spec.use

    @classmethod
    def at(cls, spec: ModelSpec, *, prompt_version: str = "") -> "Asker":
        """An asker at the endpoint that `spec` names. Raises LlmRefusedError."""
        return cls(open_model(spec), spec, prompt_version=prompt_version)

    async def text(self, instructions: str, data: Mapping[str, Any]) -> tuple[str, Usage]:
        """The model's text, stripped. `data` goes as JSON. Raises LlmError; an empty answer is one."""
        answer, usage = await self._ask(instructions, data)
        if not answer.strip():
            raise LlmAnswerError(f"The model {self.engine} answered nothing.", usage=usage)
        return answer.strip(), usage

    async def structured(
        self, instructions: str, data: Mapping[str, Any], schema: Mapping[str, Any]
    ) -> tuple[dict[str, Any], Usage]:
        """The model's answer as an object. Whether it follows `schema` is for the caller to check. Raises LlmError."""
        answer, usage = await self._ask(instructions, data, schema)
        return dict(answer), usage

    async def _ask(
        self, instructions: str, data: Mapping[str, Any], schema: Mapping[str, Any] | None = None
    ) -> tuple[Any, Usage]:
        from pydantic_ai.usage import RunUsage

        counted, began = RunUsage(), time.monotonic()
        try:
            async with asyncio.timeout(self._spec.timeout_s):
                answer = await self._run(instructions, data, schema, counted)
        except TimeoutError:
            late = f"The model {self.engine} did not answer within {self._spec.timeout_s:g} s."
            raise LlmUnavailableError(late, usage=self._usage(counted, began)) from None
        except Exception as error:
            raise self._named(error, self._usage(counted, began)) from None
        return answer, self._usage(counted, began)

    async def _run(
        self,
        instructions: str,
        data: Mapping[str, Any],
        schema: Mapping[str, Any] | None,
        counted: "RunUsage",
    ) -> Any:
        from pydantic_ai.exceptions import ModelHTTPError

        mode, sure = self._mode, self._sure or schema is None
        try:
            answer = await self._once(instructions, data, schema, mode, counted)
        except ModelHTTPError as error:
            if sure or error.status_code not in _TAKES_NO_SCHEMA:
                raise
            counted.requests += 1
            answer = await self._once(instructions, data, schema, "json", counted)
            mode = "json"
        if not sure:
            self._mode, self._sure = mode, True
        return answer

    async def _once(
        self,
        instructions: str,
        data: Mapping[str, Any],
        schema: Mapping[str, Any] | None,
        mode: OutputMode,
        counted: "RunUsage",
    ) -> Any:
        from pydantic_ai import Agent
        from pydantic_ai.settings import ModelSettings

        settings = ModelSettings(
            temperature=0.0, max_tokens=self._spec.answer_tokens, timeout=self._spec.timeout_s
        )
        if schema is not None and mode == "grammar":
            settings["extra_body"] = {
                "response_format": {"type": "json_object", "schema": _for_grammars(schema)}
            }
        agent: Agent[None, Any] = Agent(
            self._model,
            output_type=str if schema is None else _output(mode, schema),
            instructions=instructions,
            model_settings=settings,
            retries=0,
        )
        return (await agent.run(json.dumps(data, ensure_ascii=False, indent=1), usage=counted)).output

    def _usage(self, counted: "RunUsage", began: float) -> Usage:
        # A price in USD per million tokens is one in millionths of a dollar per token.
        cost = counted.input_tokens * self._spec.input_price + counted.output_tokens * self._spec.output_price
        return Usage(
            self._spec.use,
            self.engine,
            self.prompt_version,
            # A request that failed was one as well.
            max(counted.requests, 1),
            counted.input_tokens,
            counted.output_tokens,
            round(cost),
            int((time.monotonic() - began) * 1000),
        )

    def _named(self, error: Exception, usage: Usage) -> LlmError:
        """By what to do next. What the client library says may quote the request, so only kind and status are told."""
        from pydantic_ai import exceptions as ai

        kind = type(error).__name__.lstrip("_").removeprefix("HTTP")
        status = f", status {error.status_code}" if isinstance(error, ai.ModelHTTPError) else ""
        said = f"The model {self.engine} failed: {kind}{status}."
        match error:
            case ai.ModelQuotaExceededError():
                return LlmRefusedError(f"{said} Its account has no credit or quota left.", usage=usage)
            case ai.ModelAuthenticationError() | ai.ModelNotFoundError():
                return LlmRefusedError(f"{said} Check the model's name, address and key.", usage=usage)
            case ai.ModelRequestRejectedError():
                return LlmAnswerError(f"{said} The endpoint did not take the request.", usage=usage)
            case ai.ModelAPIError():
                return LlmUnavailableError(said, usage=usage, retry_after_s=error.retry_after)
            case ai.AgentRunError():
                return LlmAnswerError(f"{said} Its answer was not what was asked for.", usage=usage)
            case _:
                return LlmUnavailableError(said, usage=usage)


def _known(model: "Model", mode: OutputMode) -> OutputMode:
    """The mode that was asked for, else what is known of the model's family."""
    if mode != "auto":
        return mode
    return "schema" if model.profile.get("supports_json_schema_output") else "json"


def _output(mode: OutputMode, schema: Mapping[str, Any]) -> Any:
    from pydantic_ai import NativeOutput, PromptedOutput, StructuredDict, ToolOutput

    wanted = StructuredDict(dict(schema), name="answer")
    match mode:
        case "schema":
            return NativeOutput(wanted, name="answer")
        case "tool":
            return ToolOutput(wanted, name="answer")
        case _:
            return PromptedOutput(wanted, name="answer")


def _for_grammars(schema: Any) -> Any:
    """Whole numbers within bounds as lists of them, which is what makers of grammars understand."""
    if isinstance(schema, list):
        return [_for_grammars(one) for one in schema]
    if not isinstance(schema, Mapping):
        return schema
    low, high = schema.get("minimum"), schema.get("maximum")
    if schema.get("type") == "integer" and low is not None and high is not None and high - low < _MOST_LISTED:
        return {"enum": list(range(low, high + 1))}
    return {name: _for_grammars(value) for name, value in schema.items()}
