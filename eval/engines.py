"""What is measured: no model, the packaged small one, and the one that the settings name.

A configured model may cost money: it is asked only when it is named (`ENGINE=configured`). Must never print its key.
"""

import os
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack
from types import TracebackType
from typing import Protocol, Self

from eval.field_engines import FlowExtraction
from eval.running import FieldEngine
from eval.small_model import DIRECTORY, NAME, Served, installed, serve
from tieline.bootstrap import model_spec
from tieline.config import SettingsError, load
from tieline.domain.facts import MergeStrategy
from tieline.llm.extractor import model_extractor
from tieline.llm.merge_model import merge_model
from tieline.llm.models import ModelSpec
from tieline.llm.offline import OfflineModel
from tieline.ports.llm import MergeModel, ModelUse

NAMES = ("none", "small", "configured")
_SLOW_S = 120.0
_SHORT = 512
# What the packaged model can read beside the instructions and its answer.
SMALL_PART_TOKENS = 1_500


class Engine(Protocol):
    """Something that merges and perhaps extracts. It is open while it is used."""

    @property
    def name(self) -> str:
        """As in the table."""

    @property
    def strategies(self) -> Sequence[MergeStrategy]:
        """What it can do."""

    def merge_model(self) -> MergeModel:
        """For merges."""

    def field_engine(self) -> FieldEngine | None:
        """For extraction; None if it cannot."""

    def __enter__(self) -> Self: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...


class NoModel:
    """What Tieline does when no model is configured."""

    name = "no model"
    strategies = (MergeStrategy.FACTS,)

    def merge_model(self) -> MergeModel:
        """Compares words."""
        return OfflineModel()

    def field_engine(self) -> FieldEngine | None:
        """Nothing is extracted without a model."""
        return None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        return None


class Endpoint:
    """A model at an address; `served`, if it has to be started first."""

    strategies = (MergeStrategy.FACTS, MergeStrategy.REWRITE)

    def __init__(self, name: str, specs: dict[ModelUse, ModelSpec], part_tokens: int) -> None:
        self.name = name
        self._specs = specs
        self._part_tokens = part_tokens

    def merge_model(self) -> MergeModel:
        """The model that the specification for merges names."""
        return merge_model(self._specs[ModelUse.MERGE])

    def field_engine(self) -> FieldEngine | None:
        """The model that the specification for analysis names."""
        if (spec := self._specs.get(ModelUse.ANALYSIS)) is None:
            return None
        return FlowExtraction(model_extractor(spec), part_tokens=self._part_tokens)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        return None


class Packaged(Endpoint):
    """The packaged small model, in a process of its own."""

    def __init__(self, server: AbstractContextManager[Served]) -> None:
        super().__init__(NAME, {}, SMALL_PART_TOKENS)
        self._server = server
        self._stack = ExitStack()

    def __enter__(self) -> Self:
        served = self._stack.enter_context(self._server)
        self._specs = {use: small_spec(use, served) for use in ModelUse}
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()


def small_spec(use: ModelUse, served: Served) -> ModelSpec:
    """How the packaged model is asked. Without a grammar it rambles in blanks; its answers are short or of no use."""
    return ModelSpec(
        use, served.model, base_url=served.base_url, timeout_s=_SLOW_S, output="grammar", answer_tokens=_SHORT
    )


def engines(named: Sequence[str] | None) -> Iterator[Engine]:
    """Those that were asked for; by default no model, and the packaged one where it is installed."""
    wanted = set(NAMES if "all" in (named or ()) else named or ("none", *(["small"] if installed() else [])))
    if "none" in wanted:
        yield NoModel()
    if "small" in wanted:
        yield Packaged(serve(DIRECTORY))
    if "configured" in wanted:
        yield _configured()


def _configured() -> Engine:
    settings = load({}, os.environ)
    specs = {use: spec for use in ModelUse if (spec := model_spec(settings, use)) is not None}
    if ModelUse.MERGE not in specs:
        raise SettingsError(
            "No model is configured: set TIELINE_MODEL, and TIELINE_MODEL_BASE_URL for your own."
        )
    return Endpoint(specs[ModelUse.MERGE].model, specs, settings.model_part_tokens)
