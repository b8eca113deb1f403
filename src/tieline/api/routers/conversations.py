"""Conversations from any platform that can send JSON."""

from dataclasses import replace
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends
from pydantic import Field
from starlette.responses import Response

from tieline.api.models import Number, Strict, Whole
from tieline.api.responses import JsonResponse, without_none
from tieline.api.routing import ApiRoute, CallerOf
from tieline.api.schemas import ConversationOut, documented
from tieline.api.services import Services, services_of
from tieline.api.webhooks import retell
from tieline.domain.fields import Problem
from tieline.domain.intake import Report, with_numbers
from tieline.flows.intake import IntakeRefusedError

router = APIRouter(route_class=ApiRoute, tags=["Conversations"])
ServicesOf = Annotated[Services, Depends(services_of)]

Id = Annotated[str, Field(min_length=1, max_length=retell.MAX_ID)]
Millis = Annotated[Whole, Field(ge=0, le=253_402_300_799_999)]


class Turn(Strict):
    """What somebody said or wrote. `start` and `end` are seconds from the beginning."""

    role: Annotated[str, Field(min_length=1, max_length=100)]
    content: str
    start: Number | None = None
    end: Number | None = None


class ConversationIn(Strict):
    """A call or chat. Either numbers or a contact id say whose it is; a repeat of an id adds what is new.

    Without a status it is the furthest that the rest shows. A transcript is a text, best with a line for each turn that
    says whose it is, or a list of turns.
    """

    conversation_id: Id
    platform: Annotated[str, Field(min_length=1, max_length=100)]
    type: Literal["call", "chat"]
    direction: Literal["inbound", "outbound"] | None = None
    from_number: Annotated[str, Field(max_length=250)] | None = None
    to_number: Annotated[str, Field(max_length=250)] | None = None
    contact_id: Annotated[str, Field(max_length=250)] | None = None
    agent_id: Annotated[str, Field(max_length=250)] | None = None
    start_timestamp: Millis | None = None
    end_timestamp: Millis | None = None
    status: Literal["registered", "ongoing", "ended", "analyzed", "error", "not_connected"] | None = None
    disconnection_reason: Annotated[str, Field(max_length=250)] | None = None
    summary: Annotated[str, Field(max_length=32_768)] | None = None
    transcript: str | Annotated[list[Turn], Field(max_length=100_000)] | None = None
    analysis: Annotated[dict[str, Any], Field(max_length=1_000)] | None = None
    metadata: Annotated[dict[str, Any], Field(max_length=1_000)] | None = None


@router.post("/conversations", status_code=201, responses=documented(ConversationOut, 201))
async def take_conversation(body: ConversationIn, caller: CallerOf, services: ServicesOf) -> Response:
    """Takes a conversation in.

    Once it has ended, its analysis is mapped and it is logged, in the background.
    """
    region = (await services.configs.get(caller.org_id)).default_country
    report = _report(body, region)
    raw = body.model_dump(exclude={"transcript"}, exclude_none=True)
    if isinstance(body.transcript, list):
        raw["transcript_object"] = [turn.model_dump(exclude_none=True) for turn in body.transcript]
    taken = await services.intake.take(caller.org_id, report, raw)
    answer = {
        "conversation_id": taken.conversation_id,
        "platform": taken.platform,
        "type": taken.type,
        "status": taken.status,
        "contact_id": taken.contact_id,
    }
    return JsonResponse(without_none(answer), 201)


def _report(body: ConversationIn, region: str) -> Report:
    started, ended = retell.instant(body.start_timestamp), retell.instant(body.end_timestamp)
    report = Report(
        platform=body.platform,
        conversation_id=body.conversation_id,
        type=body.type,
        status=_status(body),
        direction=body.direction,
        contact_id=body.contact_id,
        agent_id=body.agent_id,
        started_at=started,
        ended_at=ended,
        duration_ms=retell.duration(None, started, ended),
        disconnection_reason=body.disconnection_reason,
        transcript=_transcript(body.transcript),
        metadata=body.metadata,
        **retell.analysis_members(body.type, _analysis(body)),
    )
    problems = _problems(body)
    if problems:
        raise IntakeRefusedError(problems)
    report = with_numbers(report, body.from_number, body.to_number, region)
    return replace(report, summary=body.summary or report.summary)


def _transcript(given: str | list[Turn] | None) -> str | None:
    """A line for each turn, as Retell's transcripts are: `Agent: ...`."""
    if not isinstance(given, list):
        return given
    return "".join(f"{turn.role[:1].upper()}{turn.role[1:]}: {turn.content}\n" for turn in given) or None


def _analysis(body: ConversationIn) -> dict[str, Any] | None:
    """A summary that stands beside the analysis can be mapped like the preset of that name."""
    if body.analysis is None and body.summary is None:
        return None
    summary = {f"{body.type}_summary": body.summary} if body.summary else {}
    return {**summary, **(body.analysis or {})}


def _status(body: ConversationIn) -> str:
    if body.analysis is not None and body.status in (None, "ended"):
        return "analyzed"
    if body.status is not None:
        return body.status
    return "ended" if body.end_timestamp is not None else "ongoing"


def _problems(body: ConversationIn) -> list[Problem]:
    problems = []
    if (body.from_number or body.to_number) and body.direction is None:
        said = "With numbers, say which way it went: inbound or outbound."
        problems.append(Problem("direction", said))
    if None not in (body.start_timestamp, body.end_timestamp) and body.end_timestamp < body.start_timestamp:  # type: ignore[operator]
        problems.append(Problem("end_timestamp", "It ended before it began."))
    return problems
