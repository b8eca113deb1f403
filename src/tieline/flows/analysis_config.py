"""Saving what is to be found in conversations, checked as a whole, for whoever does it: the API, the command line."""

from collections.abc import Sequence
from typing import Any, Protocol

from tieline.domain.extraction.definition import AnalysisDefinition, place_problems, read_fields
from tieline.domain.fields import Problem

CALL_FIELDS = "post_call_analysis_data"
CHAT_FIELDS = "post_chat_analysis_data"


class DefinitionRefusedError(ValueError):
    """A definition was refused as a whole; `problems` is everything that is wrong with it."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        super().__init__("; ".join(f"{problem.where}: {problem.message}" for problem in problems))
        self.problems = tuple(problems)


class DefinitionStore(Protocol):
    """Where definitions are kept."""

    async def save_definition(self, org_id: str, definition: AnalysisDefinition) -> None:
        """Replaces an agent's definition; one that says nothing is dropped."""


async def save_definition(
    store: DefinitionStore,
    org_id: str,
    agent_id: str | None,
    call_fields: Sequence[Any] | None,
    chat_fields: Sequence[Any] | None,
    time_zone: str | None = None,
    default_country: str | None = None,
) -> AnalysisDefinition:
    """Saves what is to be found in the calls and chats of an agent (None: of all), in Retell's shape.

    Raises DefinitionRefusedError with every problem.
    """
    problems = place_problems(time_zone, default_country)
    calls, wrong_calls = read_fields("call", CALL_FIELDS, call_fields or ())
    chats, wrong_chats = read_fields("chat", CHAT_FIELDS, chat_fields or ())
    problems += [*wrong_calls, *wrong_chats]
    if problems:
        raise DefinitionRefusedError(problems)
    definition = AnalysisDefinition(
        agent_id or "",
        None if call_fields is None else calls,
        None if chat_fields is None else chats,
        time_zone,
        default_country,
    )
    await store.save_definition(org_id, definition)
    return definition
