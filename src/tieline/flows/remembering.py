"""What conversations add to their contact's memory: what a model makes of the transcript, checked; without one the
summary, as it is. Never called inside a transaction where a model may be asked.
"""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass, replace

from tieline.domain.changeset import ContactState
from tieline.domain.contact_memory import (
    CONTACT_MEMORY,
    MEMORY_MAPPING,
    memory_rules,
    memory_version,
    remembered,
    resolved,
)
from tieline.domain.extraction.definition import AnalysisField, AnalysisType
from tieline.domain.extraction.moments import Setting
from tieline.domain.extraction.parts import TooLongError
from tieline.domain.extraction.support import SpokenNumbers
from tieline.domain.instants import zone
from tieline.domain.plan_analysis import UNDONE, Analysed, AnalysisRules, Application, undone_whole
from tieline.domain.statements import undated_statements
from tieline.domain.values import as_text, is_empty
from tieline.flows.transcripts import TranscriptReader
from tieline.ports.answers import Answers
from tieline.ports.config import OrgConfig
from tieline.ports.llm import Extractor, LlmError, ModelUse, Usage
from tieline.ports.store import UnitOfWork
from tieline.ports.work import Conversation

# The name that has parts of a long transcript summed up.
_BRIEF = "call_summary"


async def with_memory(uow: UnitOfWork, org_id: str, contact: ContactState) -> ContactState:
    """The contact with its memory as one more value; lock it before."""
    memory = await uow.work.memory(org_id, contact.contact_id)
    return replace(contact, values={**contact.values, CONTACT_MEMORY: memory}) if memory else contact


def memory_prompt(org: OrgConfig, contact: ContactState) -> str:
    """The workspace's prompt for this contact."""
    variables = {
        **{name: as_text(value) for name, value in contact.values.items() if not is_empty(value)},
        "phone_number": contact.phone_number,
    }
    variables.pop(CONTACT_MEMORY, None)
    return resolved(org.contact_memory_update_prompt, variables)


@dataclass(frozen=True, slots=True)
class Told:
    """What a conversation adds to the memory, as a plan takes it; and what asking took."""

    part: tuple[Analysed, AnalysisRules] | None
    usage: Sequence[Usage] = ()


class Remembering:
    """Reads conversations for the memory. Without a `reader` there is no model for it."""

    def __init__(
        self, reader: Extractor | None, answers: Answers | None = None, *, part_tokens: int = 24_000
    ) -> None:
        self._reader = reader
        self._answers = answers
        self._part_tokens = part_tokens

    async def told(
        self, conversation: Conversation, said: Analysed, rules: AnalysisRules, prompt: str,
        earlier: Sequence[Application],
    ) -> Told:  # fmt: skip
        """What it adds. No model is asked about what was added before. Raises LlmError if there is nothing else."""
        known = next((a for a in earlier if a.analysis_data_name == MEMORY_MAPPING.analysis_data_name), None)
        transcript, summary = (conversation.transcript or "").strip(), (conversation.summary or "").strip()
        if undone_whole(earlier) or (known is not None and known.outcome == UNDONE):
            return Told(None)
        usage: list[Usage] = []
        if self._reader is not None and transcript:
            version = memory_version("transcript", transcript)
            if known is not None and known.analysis_version == version:
                return Told(None)
            try:
                text = await self._brief(
                    self._reader, conversation, transcript, prompt, rules.time_zone, usage
                )
            except (LlmError, TooLongError):
                if not summary:
                    raise
            else:
                return Told((remembered(said, text, version), memory_rules(rules)), usage)
        if not summary:
            return Told(None, usage)
        version = memory_version("summary", summary)
        return Told((remembered(said, summary, version), memory_rules(rules)), usage)

    async def _brief(
        self, reader: Extractor, conversation: Conversation, transcript: str, prompt: str, time_zone: str,
        usage: list[Usage],
    ) -> str:  # fmt: skip
        key = _key(reader, prompt, transcript)
        org_id = conversation.key.org_id
        kept = await self._answers.kept(org_id, key) if self._answers else None
        if kept is not None:
            return str(kept["brief"])
        began = (conversation.started_at or conversation.counts_as_of).astimezone(zone(time_zone))
        direction = str(conversation.direction or "")
        asking = TranscriptReader(reader, Setting(began, "US"), self._part_tokens, direction, uses=usage)
        read = await asking.read(
            transcript, [AnalysisField(_BRIEF, AnalysisType.STRING, prompt, preset=True)]
        )
        brief = _said(read.values[_BRIEF].value, transcript) if _BRIEF in read.values else ""
        if self._answers:
            await self._answers.keep(org_id, key, reader.engine, {"brief": brief})
        return brief


def _said(brief: str, transcript: str) -> str:
    """The statements all of whose numbers and addresses somebody said; the wording is the model's."""
    spoken = SpokenNumbers(transcript)
    return "\n".join(one for one in undated_statements(brief) if spoken.has_all_of(one))


def _key(reader: Extractor, prompt: str, transcript: str) -> str:
    asked = [ModelUse.MEMORY.value, "brief", reader.engine, reader.prompt_version, prompt, transcript]
    return hashlib.sha256(json.dumps(asked, ensure_ascii=True).encode()).hexdigest()
