"""Language models by name: OpenAI's API (OpenAI itself and any endpoint that speaks it), Anthropic's and Google's.

Must never read the environment: the client libraries look there for keys and addresses, so all of them are given. Needs
the extra `tieline[llm]`.
"""

from dataclasses import dataclass, field
from importlib.util import find_spec
from typing import TYPE_CHECKING, Final, Literal

from tieline.ports.llm import LlmRefusedError, ModelUse

if TYPE_CHECKING:
    from pydantic_ai.models import Model

Provider = Literal["openai", "anthropic", "google"]
OutputMode = Literal["auto", "schema", "json", "grammar", "text", "tool"]
"""How structured output is asked for: by a JSON schema that the endpoint enforces, by its JSON mode with the schema in
the prompt, by its JSON mode with the schema beside it (llama.cpp's servers build a grammar of it), by the prompt alone,
or as the arguments of a tool. 'auto' takes the best that the model's family can do, and JSON mode where an endpoint of
one's own turns out to take no schema."""

MAX_ANSWER_TOKENS: Final = 4096

ADDRESSES: Final[dict[Provider, str]] = {
    "openai": "https://api.openai.com/v1",
    "anthropic": "https://api.anthropic.com",
    "google": "https://generativelanguage.googleapis.com",
}


@dataclass(frozen=True, slots=True)
class ModelSpec:
    """A model and what it costs, for one use. Prices in USD per million tokens; `base_url` None: the provider's own.

    `answer_tokens`: an answer that is longer is cut off, and then of no use.
    """

    use: ModelUse
    model: str
    provider: Provider = "openai"
    base_url: str | None = None
    api_key: str | None = field(default=None, repr=False)
    timeout_s: float = 30.0
    input_price: float = 0.0
    output_price: float = 0.0
    output: OutputMode = "auto"
    prompt_version: str | None = None
    answer_tokens: int = MAX_ANSWER_TOKENS


def open_model(spec: ModelSpec) -> "Model":
    """The model, connected to nothing yet. Raises LlmRefusedError without the extra or a key that is needed."""
    if find_spec("pydantic_ai") is None:
        raise LlmRefusedError(
            "A model is configured, but its client is not installed: pip install 'tieline[llm]'."
        )
    if not spec.api_key and (spec.provider != "openai" or spec.base_url is None):
        raise LlmRefusedError(f"The model {spec.model} needs a key: set TIELINE_MODEL_API_KEY.")
    address = spec.base_url or ADDRESSES[spec.provider]
    match spec.provider:
        case "openai":
            return _openai(spec, address)
        case "anthropic":
            return _anthropic(spec, address)
        case "google":
            return _google(spec, address)


# No client retries by itself: the worker decides about that, and every request is counted.


def _openai(spec: ModelSpec, address: str) -> "Model":
    from openai import AsyncOpenAI
    from pydantic_ai.models.openai import OpenAIChatModel
    from pydantic_ai.profiles.openai import OpenAIModelProfile
    from pydantic_ai.providers.openai import OpenAIProvider

    # Endpoints of one's own often want no key; the client insists on some text.
    client = AsyncOpenAI(
        base_url=address, api_key=spec.api_key or "none", max_retries=0, timeout=spec.timeout_s
    )
    own = OpenAIModelProfile()
    if spec.base_url is not None:
        own["openai_chat_supports_max_completion_tokens"] = False  # OpenAI's own word for max_tokens
    if spec.output == "text":
        own["supports_json_object_output"] = False
    return OpenAIChatModel(spec.model, provider=OpenAIProvider(openai_client=client), profile=own)


def _anthropic(spec: ModelSpec, address: str) -> "Model":
    from anthropic import AsyncAnthropic
    from pydantic_ai.models.anthropic import AnthropicModel
    from pydantic_ai.providers.anthropic import AnthropicProvider

    client = AsyncAnthropic(base_url=address, api_key=spec.api_key, max_retries=0, timeout=spec.timeout_s)
    return AnthropicModel(spec.model, provider=AnthropicProvider(anthropic_client=client))


def _google(spec: ModelSpec, address: str) -> "Model":
    from google.genai.types import HttpRetryOptions
    from pydantic_ai.models.google import GoogleModel
    from pydantic_ai.providers.google import GoogleProvider

    provider = GoogleProvider(
        api_key=spec.api_key, base_url=address, retry_options=HttpRetryOptions(attempts=1)
    )
    return GoogleModel(spec.model, provider=provider)
