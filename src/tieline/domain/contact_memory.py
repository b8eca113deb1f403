"""A contact's memory: a running brief over its calls and SMS chats, kept by the engine that merges notes. Pure.

To a plan it is one more text field, filled by one more mapping; what a conversation adds to it is found elsewhere. A
variable of the prompt can only ever become a short line of text in it.
"""

import re
from collections.abc import Mapping
from hashlib import sha256
from typing import Final

from tieline.domain.analysed import Analysed, AnalysisRules
from tieline.domain.analysis_mapping import AnalysisMapping
from tieline.domain.fields import FieldSpec
from tieline.domain.update_modes import UpdateMode
from tieline.domain.values import FieldType

CONTACT_MEMORY: Final = "contact_memory"
"""The member of a contact, its dynamic variable, and its name in the ledger and in backfills."""
MEMORY_LENGTH: Final = 4_000
"""The most characters that conversations make of it: an agent reads all of it at the start of a call."""
DEFAULT_MEMORY_PROMPT: Final = (
    "Keep a short brief about this contact for the next conversation: who they are, what they want, what was agreed"
    " and what is still open. Leave out small talk. Where new facts contradict old ones, keep the new."
)
MEMORY_MAPPING: Final = AnalysisMapping(
    "contact_memory:told", CONTACT_MEMORY, UpdateMode.MERGE, max_characters=MEMORY_LENGTH
)
MEMORY_FIELD: Final = FieldSpec(CONTACT_MEMORY, FieldType.STRING, "Contact memory")
_VARIABLE: Final = re.compile(r"\{\{\s*(\w{1,100})\s*\}\}")
_VARIABLE_LENGTH: Final = 200


def memory_rules(rules: AnalysisRules) -> AnalysisRules:
    """The rules by which a conversation adds to the memory."""
    return AnalysisRules(
        [MEMORY_MAPPING],
        {CONTACT_MEMORY: MEMORY_FIELD},
        rules.time_zone,
        replay=rules.replay,
    )


def remembered(said: Analysed, told: str, version: str) -> Analysed:
    """The conversation with nothing but what it adds to the memory."""
    analysis = {MEMORY_MAPPING.analysis_data_name: told}
    return Analysed(said.key, said.ended_ms, version, analysis, extracted_by=said.extracted_by)


def memory_version(source: str, text: str) -> str:
    """What makes a conversation add to the memory once: where that comes from, and the text itself."""
    return f"{source}:{sha256(text.encode()).hexdigest()[:32]}"


def resolved(prompt: str | None, variables: Mapping[str, str]) -> str:
    """The prompt (None: the preset) with its `{{variables}}`; one that is not known stays as it is."""

    def value(found: re.Match[str]) -> str:
        text = variables.get(found[1])
        return found[0] if text is None else " ".join(text.split())[:_VARIABLE_LENGTH]

    return _VARIABLE.sub(value, prompt or DEFAULT_MEMORY_PROMPT)
