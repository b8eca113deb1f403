"""Reading a transcript with a model: whole where it fits, else in parts, each answer checked, and put together by code.

Knows no store: whoever calls it keeps what came of it, and what the requests took, also when one of them failed.
"""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field, replace

from tieline.domain.extraction.checking import CheckedPart, Checker
from tieline.domain.extraction.definition import AnalysisField
from tieline.domain.extraction.moments import Setting
from tieline.domain.extraction.parts import Part, combine, split
from tieline.ports.llm import AskedField, Extraction, Extractor, ExtractRequest, LlmError, Usage


async def _nothing() -> None:
    return None


@dataclass(slots=True)
class TranscriptReader:
    """Reads one transcript. `uses` grows with every request; `before_next` is awaited before all but the first."""

    extractor: Extractor
    setting: Setting
    part_tokens: int
    direction: str = ""
    before_next: Callable[[], Awaitable[None]] = _nothing
    uses: list[Usage] = field(default_factory=list)

    async def read(self, transcript: str, fields: Sequence[AnalysisField]) -> CheckedPart:
        """What stands of all that was found. Raises LlmError, and TooLongError before the first request."""
        parts = split(transcript, self.part_tokens)
        if len(parts) == 1:
            return await self._part(transcript, fields, parts, 0)
        over_all = [one for one in fields if one.preset and one.name != "in_voicemail"]
        summaries = [one for one in over_all if one.name.endswith("_summary")]
        stated = [one for one in fields if not one.preset]
        # A voicemail answers at the beginning.
        voicemail = [one for one in fields if one.name == "in_voicemail"]
        read: list[CheckedPart] = []
        for place in range(len(parts)):
            wanted = [*stated, *summaries, *(voicemail if place == 0 else [])]
            read.append(await self._part(transcript, wanted, parts, place))
        whole = await self._sum_up(read, summaries, over_all)
        return combine(fields, [*(_without(part, over_all) for part in read), whole])

    async def _part(
        self, transcript: str, fields: Sequence[AnalysisField], parts: Sequence[Part], place: int
    ) -> CheckedPart:
        part = parts[place]
        text = transcript[part.start : part.end]
        answers = await self._ask(text, fields, (place + 1, len(parts)))
        return Checker(text, self.setting, offset=part.start).check(fields, answers.found)

    async def _sum_up(
        self,
        read: Sequence[CheckedPart],
        summaries: Sequence[AnalysisField],
        over_all: Sequence[AnalysisField],
    ) -> CheckedPart:
        """What is about the conversation as a whole, from the summaries of its parts."""
        told = [part.values[one.name].value for part in read for one in summaries if one.name in part.values]
        text = "\n".join(f"Part {number}: {summary}" for number, summary in enumerate(told, 1))
        answers = await self._ask(text, over_all, (0, len(read)))
        return Checker(text, self.setting).check(over_all, answers.found)

    async def _ask(self, text: str, fields: Sequence[AnalysisField], part: tuple[int, int]) -> Extraction:
        if self.uses:
            await self.before_next()
        request = ExtractRequest(
            text, [asked(one) for one in fields], self.setting.began, self.direction, part
        )
        try:
            answer = await self.extractor.extract(request)
        except LlmError as error:
            if error.usage is not None:
                self.uses.append(error.usage)
            raise
        self.uses.append(answer.usage)
        return answer


def asked(one: AnalysisField) -> AskedField:
    """The field as a model is asked for it."""
    return AskedField(
        one.name,
        one.type.value,
        one.description,
        one.examples,
        one.choices,
        one.required,
        one.condition,
        one.preset,
    )


def _without(part: CheckedPart, fields: Sequence[AnalysisField]) -> CheckedPart:
    names = {one.name for one in fields}
    return replace(part, values={name: one for name, one in part.values.items() if name not in names})
