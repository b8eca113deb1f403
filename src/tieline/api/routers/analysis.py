"""Analyses of our own: what is to be found, another run, and what models took; calls and chats in Retell's shape.

The reruns and reads are Retell's (`retell.resources.call`, `retell.resources.chat`); the rest is in its style.
"""

from datetime import UTC, datetime
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends, Query
from pydantic import BaseModel, Field
from starlette.exceptions import HTTPException
from starlette.responses import Response

from tieline.api.conversation_json import conversation_json, usage_json
from tieline.api.models import Strict, Whole
from tieline.api.responses import JsonResponse, without_none
from tieline.api.routing import ApiRoute, CallerOf
from tieline.api.schemas import documented
from tieline.api.services import Analyses, Services, analyses_of, services_of
from tieline.api.webhooks import retell
from tieline.domain.extraction.definition import AnalysisDefinition, field_json
from tieline.flows.analysis_config import CALL_FIELDS, CHAT_FIELDS, save_definition
from tieline.ports.work import ConversationKey
from tieline.store.extractions import RerunFilter

router = APIRouter(route_class=ApiRoute, tags=["Analysis"])
ServicesOf = Annotated[Services, Depends(services_of)]
AnalysesOf = Annotated[Analyses, Depends(analyses_of)]

Text = Annotated[str, Field(min_length=1, max_length=250)]
Ids = Annotated[list[Text], Field(max_length=1_000)]
Millis = Annotated[Whole, Field(ge=0, le=253_402_300_799_999)]


class UpdateAnalysisConfig(Strict):
    """What is to be found in conversations of one agent, or (no `agent_id`) of all that have nothing of their own.

    The lists have the shape of Retell's agents. A list replaces its list; null or none: nothing is said about it.
    """

    agent_id: Text | None = None
    post_call_analysis_data: list[Any] | None = None
    post_chat_analysis_data: list[Any] | None = None
    time_zone: Text | None = None
    default_country: Text | None = None


class RerunAnalysis(Strict):
    """Which conversations to analyse again, by when they began in epoch milliseconds; the upper is not included."""

    type: Literal["call", "chat"] | None = None
    conversation_ids: Ids | None = None
    agent_ids: Ids | None = None
    platform: Text | None = None
    contact_id: Text | None = None
    start_timestamp_from: Millis | None = None
    start_timestamp_to: Millis | None = None


class AnalysisConfigOut(BaseModel):
    """All definitions; the one without an `agent_id` counts for agents without one of their own."""

    analysis_configs: list[dict[str, Any]]


class RerunOut(BaseModel):
    """How many conversations are analysed again."""

    queued: int


class UsageListOut(BaseModel):
    """What models took, by day (UTC), use, engine and prompt version; the newest day first."""

    items: list[dict[str, Any]]


@router.get("/get-analysis-config", responses=documented(AnalysisConfigOut))
async def get_analysis_config(caller: CallerOf, analyses: AnalysesOf) -> Response:
    """What is to be found in conversations that no platform analysed."""
    return JsonResponse(await _configs(analyses, caller.org_id))


@router.put("/update-analysis-config", responses=documented(AnalysisConfigOut))
async def update_analysis_config(
    body: UpdateAnalysisConfig, caller: CallerOf, analyses: AnalysesOf
) -> Response:
    """Replaces an agent's definition, or the one for all; refused as a whole, with everything that is wrong.

    It counts for conversations from then on; for earlier ones run their analysis again.
    """
    await save_definition(
        analyses.extractions, caller.org_id, body.agent_id, body.post_call_analysis_data,
        body.post_chat_analysis_data, body.time_zone, body.default_country,
    )  # fmt: skip
    return JsonResponse(await _configs(analyses, caller.org_id))


@router.put("/rerun-call-analysis/{call_id}", responses=documented(None, 200, 400, 404))
async def rerun_call_analysis(
    call_id: str, caller: CallerOf, services: ServicesOf, analyses: AnalysesOf, platform: str | None = None
) -> Response:
    """Has a call analysed again, also one that its platform analysed. The call as it is now; the analysis follows."""
    return await _rerun(services, analyses, caller.org_id, "call", call_id, platform)


@router.put("/rerun-chat-analysis/{chat_id}", responses=documented(None, 200, 400, 404))
async def rerun_chat_analysis(
    chat_id: str, caller: CallerOf, services: ServicesOf, analyses: AnalysesOf, platform: str | None = None
) -> Response:
    """The same of a chat."""
    return await _rerun(services, analyses, caller.org_id, "chat", chat_id, platform)


@router.post("/rerun-analysis", responses=documented(RerunOut))
async def rerun_analysis(body: RerunAnalysis, caller: CallerOf, analyses: AnalysesOf) -> Response:
    """Has conversations analysed again that fit all that is given, if they have a transcript and a definition."""
    which = RerunFilter(
        body.type, body.conversation_ids, body.platform, body.agent_ids, body.contact_id,
        retell.instant(body.start_timestamp_from), retell.instant(body.start_timestamp_to),
    )  # fmt: skip
    return JsonResponse({"queued": await analyses.extractions.rerun(caller.org_id, which)})


@router.get("/v2/get-call/{call_id}", responses=documented(None, 200, 404))
async def get_call(
    call_id: str, caller: CallerOf, services: ServicesOf, analyses: AnalysesOf, platform: str | None = None
) -> Response:
    """A call, with its analysis, what that rests on, and what models took for it."""
    return JsonResponse(await _shown(services, analyses, caller.org_id, "call", call_id, platform))


@router.get("/get-chat/{chat_id}", responses=documented(None, 200, 404))
async def get_chat(
    chat_id: str, caller: CallerOf, services: ServicesOf, analyses: AnalysesOf, platform: str | None = None
) -> Response:
    """The same of a chat."""
    return JsonResponse(await _shown(services, analyses, caller.org_id, "chat", chat_id, platform))


@router.get("/list-model-usage", responses=documented(UsageListOut))
async def list_model_usage(
    caller: CallerOf,
    analyses: AnalysesOf,
    since: Annotated[int | None, Query(ge=0, le=253_402_300_799_999)] = None,
    until: Annotated[int | None, Query(ge=0, le=253_402_300_799_999)] = None,
) -> Response:
    """What models took between two times in epoch milliseconds, the second not included."""
    sums = await analyses.usage.by_day(caller.org_id, _at(since), _at(until))
    items = [{"day": one.day, **usage_json(one.usage), "conversations": one.conversations} for one in sums]
    return JsonResponse({"items": items})


async def _configs(analyses: Analyses, org_id: str) -> dict[str, Any]:
    found = await analyses.extractions.definitions(org_id)
    return {"analysis_configs": [definition_json(one) for one in found]}


def definition_json(definition: AnalysisDefinition) -> dict[str, Any]:
    """A definition as it was given."""
    lists = {CALL_FIELDS: definition.call_fields, CHAT_FIELDS: definition.chat_fields}
    return without_none(
        {
            "agent_id": definition.agent_id or None,
            **{name: None if f is None else [field_json(one) for one in f] for name, f in lists.items()},
            "time_zone": definition.time_zone,
            "default_country": definition.default_country,
        }
    )


async def _rerun(
    services: Services, analyses: Analyses, org_id: str, kind: str, conversation_id: str, platform: str | None
) -> Response:
    row = await _found(services, org_id, kind, conversation_id, platform)
    which = RerunFilter(kind, [conversation_id], row["platform"])
    if not await analyses.extractions.rerun(org_id, which):
        raise HTTPException(400, await _why_not(analyses, org_id, kind, row))
    return JsonResponse(await _shown(services, analyses, org_id, kind, conversation_id, row["platform"]))


async def _why_not(analyses: Analyses, org_id: str, kind: str, row: dict[str, Any]) -> str:
    if not (row["transcript"] or "").strip():
        return f"The {kind} {row['conversation_id']} has no transcript, so there is nothing to analyse."
    if await analyses.extractions.definition(org_id, row["agent_id"], kind) is None:
        return f"Nothing is defined that could be found in this {kind}; see update-analysis-config."
    return f"The {kind} {row['conversation_id']} has not ended yet."


async def _shown(
    services: Services, analyses: Analyses, org_id: str, kind: str, conversation_id: str, platform: str | None
) -> dict[str, Any]:
    row = await _found(services, org_id, kind, conversation_id, platform)
    uses = await analyses.usage.of(ConversationKey(org_id, row["platform"], conversation_id))
    return conversation_json(row, uses)


async def _found(
    services: Services, org_id: str, kind: str, conversation_id: str, platform: str | None
) -> dict[str, Any]:
    row = await services.conversations.find(org_id, kind, conversation_id, platform)
    if row is None:
        raise HTTPException(404, f"There is no {kind} {conversation_id}.")
    return row


def _at(ms: int | None) -> datetime | None:
    return None if ms is None else datetime.fromtimestamp(ms / 1000, UTC)
