"""Judging statements and rewriting notes by a model. Code renders what comes of a judgement, elsewhere.

An answer that is not complete and in form is an error as a whole: a guess at what was meant could lose a fact.
"""

from collections.abc import Mapping
from typing import Any

from tieline.domain.facts import Judgement, Relation
from tieline.llm.asking import Asker
from tieline.llm.models import ModelSpec
from tieline.llm.prompts import classify_prompt, prompt_version, rewrite_prompt
from tieline.ports.llm import Classified, ClassifyRequest, LlmAnswerError, RewriteRequest, Rewritten, Usage

# No note is that long; an answer that is has gone astray.
MAX_ANSWER_CHARACTERS = 20_000


class ModelMerges:
    """Implements `ports.llm.MergeModel`."""

    def __init__(self, asker: Asker) -> None:
        self._asker = asker

    @property
    def engine(self) -> str:
        """The model's name."""
        return self._asker.engine

    @property
    def prompt_version(self) -> str:
        """Which prompts it is given."""
        return self._asker.prompt_version

    async def classify(self, request: ClassifyRequest) -> Classified:
        """One judgement for each new statement. Nothing to judge costs no request. Raises LlmError."""
        if not request.new:
            return Classified((), Usage(self._asker.use, self.engine, self.prompt_version))
        prompt = classify_prompt(request)
        assert prompt.schema is not None
        answer, usage = await self._asker.structured(prompt.instructions, prompt.data, prompt.schema)
        try:
            return Classified(judgements(answer, old=len(request.old), new=len(request.new)), usage)
        except ValueError as error:
            raise LlmAnswerError(
                f"The judgement of {self.engine} cannot be used: {error}.", usage=usage
            ) from None

    async def rewrite(self, request: RewriteRequest) -> Rewritten:
        """The model's text, unchecked but for its size. Raises LlmError."""
        prompt = rewrite_prompt(request)
        text, usage = await self._asker.text(prompt.instructions, prompt.data)
        if len(text) > MAX_ANSWER_CHARACTERS:
            said = f"The model {self.engine} answered {len(text)} characters."
            raise LlmAnswerError(said, usage=usage)
        return Rewritten(text, usage)


def judgements(answer: Mapping[str, Any], *, old: int, new: int) -> tuple[Judgement, ...]:
    """The judgements of an answer, one for each of `new` statements, in order. Raises ValueError.

    A statement that names old ones must be more than NEW, and one that names none cannot be; every index must exist.
    """
    given = answer.get("judgements")
    if not isinstance(given, list) or len(given) != new:
        count = len(given) if isinstance(given, list) else 0
        raise ValueError(f"it has {count} judgements for {new} statements")
    found: dict[int, Judgement] = {}
    for place, raw in enumerate(given):
        if not isinstance(raw, Mapping):
            raise ValueError(f"judgement {place} is no object")
        number = raw.get("new", place)
        if not _index(number, new) or number in found:
            raise ValueError(f"judgement {place} is about statement {number!r}")
        found[number] = _judgement(raw, place, old)
    return tuple(found[number] for number in range(new))


def _judgement(raw: Mapping[str, Any], place: int, old: int) -> Judgement:
    try:
        relation = Relation(str(raw.get("relation")))
    except ValueError:
        raise ValueError(f"judgement {place} has no relation that was offered") from None
    of = raw.get("of") or []
    if not isinstance(of, list) or not all(_index(number, old) for number in of):
        raise ValueError(f"judgement {place} names statements that are not there")
    if relation is Relation.NEW:
        # What is new relates to nothing; a model that adds numbers all the same has judged it new.
        return Judgement(relation)
    if not of:
        raise ValueError(f"judgement {place} says {relation} and does not say of what")
    return Judgement(relation, tuple(dict.fromkeys(of)))


def _index(number: Any, size: int) -> bool:
    return isinstance(number, int) and not isinstance(number, bool) and 0 <= number < size


def merge_model(spec: ModelSpec) -> ModelMerges:
    """The model that a specification names. Raises LlmRefusedError."""
    return ModelMerges(Asker.at(spec, prompt_version=prompt_version(spec.use, spec.prompt_version)))
