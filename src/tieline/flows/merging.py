"""Asks a model how two texts of a note go together. Never inside a transaction, and never with a word to it about any
other field: all that it can do is judge statements and write one text, which code checks.
"""

from dataclasses import dataclass
from typing import Final

from tieline.domain.facts import Judgement, MergeStrategy
from tieline.domain.guard import complaints
from tieline.domain.merging_facts import question
from tieline.domain.merging_notes import Answer, MergeNeeded, sources
from tieline.ports.llm import ClassifyRequest, LlmError, MergeModel, RewriteRequest, Usage

_WRITINGS: Final = 2


@dataclass(frozen=True, slots=True)
class Answered:
    """An answer, and what asking for it took; also what failed is in `usage`, where it is known."""

    answer: Answer
    usage: tuple[Usage, ...] = ()


class NoteMerging:
    """The merge engine. `engine` and `prompt_version` are the model's, for runs."""

    def __init__(self, model: MergeModel) -> None:
        self._model = model

    @property
    def engine(self) -> str:
        """What does the judging; 'no model' without one."""
        return self._model.engine

    async def answer(self, need: MergeNeeded, instruction: str = "") -> Answered:
        """How the texts go together. Never raises LlmError: if the model fails, all is new, and both texts are kept."""
        asked = question(need.old, need.new, need.when.date)
        usage: list[Usage] = []
        judgements: tuple[Judgement, ...] = ()
        if asked.asked:
            request = ClassifyRequest(need.field_name, instruction, asked.old, asked.asked)
            try:
                classified = await self._model.classify(request)
            except LlmError as error:
                _spent(usage, error)
                return Answered(self._made(remark=f"{error} Both texts were kept."), tuple(usage))
            judgements = classified.judgements
            usage.append(classified.usage)
        if need.strategy is MergeStrategy.FACTS:
            return Answered(self._made(judgements), tuple(usage))
        answer = await self._rewritten(need, instruction, self._made(judgements), usage)
        return Answered(answer, tuple(usage))

    async def _rewritten(
        self, need: MergeNeeded, instruction: str, judged: Answer, usage: list[Usage]
    ) -> Answer:
        """The model's text if the guard lets it pass; else the judgements alone, with what was wrong."""
        wanted, wrong = sources(need, judged), ""
        for _ in range(_WRITINGS):
            request = RewriteRequest(
                need.field_name, instruction, need.old, need.new, need.max_characters, wrong
            )
            try:
                written = await self._model.rewrite(request)
            except LlmError as error:
                _spent(usage, error)
                return self._made(judged.judgements, remark=f"{error} Rendered from facts instead.")
            usage.append(written.usage)
            found = complaints(written.text, wanted, need.max_characters)
            if not found:
                return self._made(judged.judgements, text=written.text)
            wrong = " ".join(found)
        remark = f"What {self.engine} wrote was refused, and rendered from facts instead: {wrong}"
        return self._made(judged.judgements, remark=remark)

    def _made(
        self, judgements: tuple[Judgement, ...] = (), text: str | None = None, remark: str = ""
    ) -> Answer:
        return Answer(judgements, self.engine, self._model.prompt_version, text, remark)


def _spent(usage: list[Usage], error: LlmError) -> None:
    if error.usage is not None:
        usage.append(error.usage)
