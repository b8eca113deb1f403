"""What a backfill is asked to do, what is wrong with that, and what it would take. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from tieline.domain.analysis_mapping import AnalysisMapping
from tieline.domain.contact_memory import CONTACT_MEMORY
from tieline.domain.fields import FieldSpec, Problem

WHERE: Final = "backfill_attributes"


@dataclass(frozen=True, slots=True)
class BackfillRequest:
    """Contact fields, and of which conversations. `agents`: (agent id, versions; none for all), joined by or.

    The beginning of a conversation (epoch ms) is from `since_ms` to `until_ms`, both included, and not `not_ms`.
    """

    fields: tuple[str, ...]
    agents: tuple[tuple[str, tuple[str, ...]], ...] = ()
    since_ms: int | None = None
    until_ms: int | None = None
    not_ms: int | None = None

    @property
    def memory(self) -> bool:
        """Whether the contacts' memories are among it."""
        return CONTACT_MEMORY in self.fields

    def mappings(self, all_of_them: Sequence[AnalysisMapping]) -> list[AnalysisMapping]:
        """The mappings that fill these fields."""
        return [one for one in all_of_them if one.field_name in self.fields]

    def as_json(self) -> dict[str, Any]:
        """As it is kept."""
        return {
            "fields": list(self.fields),
            "agents": [{"agent_id": agent, "version": list(versions)} for agent, versions in self.agents],
            "since_ms": self.since_ms,
            "until_ms": self.until_ms,
            "not_ms": self.not_ms,
        }

    @classmethod
    def from_json(cls, raw: Mapping[str, Any]) -> "BackfillRequest":
        """The inverse of `as_json`."""
        agents = tuple((one["agent_id"], tuple(one["version"])) for one in raw["agents"])
        return cls(tuple(raw["fields"]), agents, raw["since_ms"], raw["until_ms"], raw["not_ms"])


def backfill_problems(
    request: BackfillRequest, mappings: Sequence[AnalysisMapping], fields: Mapping[str, FieldSpec]
) -> list[Problem]:
    """Everything that is wrong with it."""
    if not request.fields:
        return [Problem(WHERE, "Name at least one contact field, or contact_memory.")]
    mapped = {one.field_name for one in mappings}
    problems = []
    for name in request.fields:
        if name == CONTACT_MEMORY:
            continue
        if name not in fields:
            problems.append(Problem(WHERE, f"There is no contact field {name}."))
        elif name not in mapped:
            said = f"No analysis data is mapped to {name}: save a mapping with update-crm-config first."
            problems.append(Problem(WHERE, said))
    return problems


@dataclass(frozen=True, slots=True)
class Reach:
    """How much there is to do, as the store counts it. Conversations of which nothing can come are not in it.

    `transcript_characters` are of those that the memory would be made of, `extract_characters` of those that are to be
    analysed first. `merges`: values for fields that a model merges, `merge_characters` their length. `not_analysed`:
    conversations with a transcript, without an analysis, for which something is to be found.
    """

    conversations: int = 0
    contacts: int = 0
    merges: int = 0
    merge_characters: int = 0
    memories: int = 0
    memory_characters: int = 0
    transcripts: int = 0
    transcript_characters: int = 0
    not_analysed: int = 0
    extract_characters: int = 0
    linked: int = 0
    known: int = 0


@dataclass(frozen=True, slots=True)
class Rate:
    """A model: what it costs (USD per million tokens), and how long a request takes it (ms)."""

    engine: str
    input_price: float = 0.0
    output_price: float = 0.0
    request_ms: float = 2_000.0


@dataclass(frozen=True, slots=True)
class Rates:
    """The models that are configured; None where none is."""

    merge: Rate | None = None
    memory: Rate | None = None
    analysis: Rate | None = None


@dataclass(frozen=True, slots=True)
class Forecast:
    """What a backfill takes at most. `minutes` with requests one after the other; `brake`: what it will say, or ''."""

    conversations: int
    contacts: int
    model_calls: int
    input_tokens: int
    output_tokens: int
    cost_usd: float
    minutes: float
    not_analysed: int
    linked_contacts: int
    calls_by_use: Mapping[str, int] = field(default_factory=dict)
    brake: str = ""


_PROMPT_TOKENS: Final = 600
"""Instructions and the form of the answer, with each request."""
_CHARACTERS_A_TOKEN: Final = 3.5
_NOTE_TOKENS: Final = 400
"""A note of middling length, which is sent along with what is new."""
_ANSWER_TOKENS: Final = {"merge": 60, "memory": 120, "analysis": 400}
_CONVERSATION_MS: Final = 25.0
"""Measured without a model (docs/backfill.md)."""


def forecast(reach: Reach, rates: Rates, brake: str = "") -> Forecast:
    """An upper estimate: texts that are there already in these words ask no model, and kept answers cost nothing.

    Without a model for a use it makes no calls.
    """
    calls: dict[str, int] = {}
    tokens: list[tuple[Rate, int, float, float]] = []

    def add(use: str, rate: Rate | None, requests: int, characters: float) -> None:
        if rate is None or not requests:
            return
        calls[use] = calls.get(use, 0) + requests
        given = requests * _PROMPT_TOKENS + characters / _CHARACTERS_A_TOKEN
        tokens.append((rate, requests, given, requests * _ANSWER_TOKENS[use]))

    note = _NOTE_TOKENS * _CHARACTERS_A_TOKEN
    add("merge", rates.merge, reach.merges, reach.merge_characters + reach.merges * note)
    if rates.memory is not None:
        add("memory", rates.memory, reach.transcripts, reach.transcript_characters)
        add("memory", rates.memory, reach.memories, reach.memory_characters + reach.memories * note)
    add("analysis", rates.analysis, reach.not_analysed, reach.extract_characters)
    cost = sum((i * rate.input_price + o * rate.output_price) / 1e6 for rate, _, i, o in tokens)
    spent_ms = sum(requests * rate.request_ms for rate, requests, _, _ in tokens)
    return Forecast(
        conversations=reach.conversations,
        contacts=reach.contacts,
        model_calls=sum(calls.values()),
        input_tokens=round(sum(i for _, _, i, _ in tokens)),
        output_tokens=round(sum(o for *_, o in tokens)),
        cost_usd=round(cost, 6),
        minutes=round((spent_ms + reach.conversations * _CONVERSATION_MS) / 60_000, 1),
        not_analysed=reach.not_analysed if rates.analysis else 0,
        linked_contacts=reach.linked,
        calls_by_use=calls,
        brake=brake,
    )
