"""A model that is not asked the same thing twice: its answers are kept by their inputs. Failures are not kept."""

import hashlib
import json
from collections.abc import Mapping
from typing import Any

from tieline.domain.comparing import ENGINE
from tieline.domain.facts import Judgement, Relation
from tieline.ports.answers import Answers
from tieline.ports.llm import (
    Classified,
    ClassifyRequest,
    MergeModel,
    ModelUse,
    RewriteRequest,
    Rewritten,
    Usage,
)


class KeptAnswers:
    """`MergeModel` of one organisation in front of another one."""

    def __init__(
        self, model: MergeModel, answers: Answers, org_id: str, *, use: ModelUse = ModelUse.MERGE
    ) -> None:
        self._model = model
        self._answers = answers
        self._org_id = org_id
        self._use = use

    @property
    def engine(self) -> str:
        """The model's."""
        return self._model.engine

    @property
    def prompt_version(self) -> str:
        """The model's."""
        return self._model.prompt_version

    async def classify(self, request: ClassifyRequest) -> Classified:
        """As judged before, else as judged now. Raises LlmError."""
        if self.engine == ENGINE:
            return await self._model.classify(request)
        asked = [request.field_name, request.instruction, list(request.old), list(request.new)]
        key = self._key("classify", asked)
        known = await self._answers.kept(self._org_id, key)
        if known is not None:
            return Classified(tuple(_judgement(one) for one in known["judgements"]), self._nothing())
        made = await self._model.classify(request)
        judged = [{"relation": one.relation.value, "of": list(one.of)} for one in made.judgements]
        await self._answers.keep(self._org_id, key, self.engine, {"judgements": judged})
        return made

    async def rewrite(self, request: RewriteRequest) -> Rewritten:
        """As written before, else as written now. Raises LlmError."""
        if self.engine == ENGINE:
            return await self._model.rewrite(request)
        asked = [request.field_name, request.instruction, request.old, request.new, request.max_characters,
                 request.complaint]  # fmt: skip
        key = self._key("rewrite", asked)
        known = await self._answers.kept(self._org_id, key)
        if known is not None:
            return Rewritten(known["text"], self._nothing())
        made = await self._model.rewrite(request)
        await self._answers.keep(self._org_id, key, self.engine, {"text": made.text})
        return made

    def _key(self, what: str, asked: list[Any]) -> str:
        whole = [self._use.value, what, self.engine, self.prompt_version, asked]
        return hashlib.sha256(json.dumps(whole, ensure_ascii=True).encode()).hexdigest()

    def _nothing(self) -> Usage:
        """A kept answer costs nothing again."""
        return Usage(self._use, self.engine, self.prompt_version)


def _judgement(raw: Mapping[str, Any]) -> Judgement:
    return Judgement(Relation(raw["relation"]), tuple(raw["of"]))
