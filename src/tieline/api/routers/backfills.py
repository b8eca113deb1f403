"""Backfills: fields and memories from past conversations, in the shape of Retell's resource, and a forecast of one."""

from dataclasses import asdict
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends
from pydantic import BaseModel, Field
from starlette.exceptions import HTTPException
from starlette.responses import Response

from tieline.api.errors import problems_text
from tieline.api.models import Number, Strict
from tieline.api.responses import JsonResponse
from tieline.api.routers.sync import JobStatusOut
from tieline.api.routing import ApiRoute, CallerOf
from tieline.api.schemas import documented
from tieline.api.services import BackfillDesk, backfills_of
from tieline.domain.backfill import BackfillRequest, Forecast
from tieline.flows.planning_backfills import BackfillRefusedError
from tieline.store.backfills import BackfillInProgressError
from tieline.store.runs import job_status

router = APIRouter(route_class=ApiRoute, tags=["Contact"])
DeskOf = Annotated[BackfillDesk, Depends(backfills_of)]

Text = Annotated[str, Field(min_length=1, max_length=250)]
Millis = Annotated[Number, Field(ge=0, le=253_402_300_799_999)]


class AgentIn(Strict):
    """An agent, and which of its versions; none or an empty list for all."""

    agent_id: Text
    version: Annotated[list[Annotated[Number, Field(ge=0, le=10**9)]], Field(max_length=100)] = Field(
        default=[]
    )


class NumberFilterIn(Strict):
    """eq, ne, gt, ge, lt, le: a comparison with one moment."""

    type: Literal["number"]
    op: Literal["eq", "ne", "gt", "ge", "lt", "le"]
    value: Millis


class RangeFilterIn(Strict):
    """bt: from the first to the second moment, both included."""

    type: Literal["range"]
    op: Literal["bt"]
    value: Annotated[list[Millis], Field(min_length=2, max_length=2)]


class CallFilterIn(Strict):
    """Which conversations. Agents are joined by or; times are of the beginning, in epoch milliseconds."""

    agent: Annotated[list[AgentIn], Field(max_length=1_000)] = Field(default=[])
    start_timestamp: NumberFilterIn | RangeFilterIn | None = None


class BackfillIn(Strict):
    """Contact fields to which analysis data is mapped, `contact_memory`, or both."""

    backfill_attributes: Annotated[list[Text], Field(max_length=1_000)]
    backfill_call_filter: CallFilterIn | None = None


class ForecastOut(BaseModel):
    """What a backfill takes at most. `brake`: whether it will stop what is to be written to the CRM, in words."""

    conversations: int
    contacts: int
    model_calls: int
    input_tokens: int
    output_tokens: int
    cost_usd: float
    minutes: float
    not_analysed: int
    linked_contacts: int
    calls_by_use: dict[str, int]
    brake: str


@router.post(
    "/backfill-contact-analysis-data", status_code=201, responses=documented(JobStatusOut, 201, 400, 422)
)
async def backfill_contact_analysis_data(body: BackfillIn, caller: CallerOf, desk: DeskOf) -> Response:
    """Applies mappings to past conversations, in the order of their ends. Refused while one is queued or running."""
    request = request_of(body)
    try:
        await desk.planning.check(caller.org_id, request)
        run = await desk.backfills.queue(caller.org_id, request)
    except BackfillRefusedError as error:
        raise HTTPException(422, problems_text(error.problems)) from None
    except BackfillInProgressError as error:
        raise HTTPException(400, str(error)) from None
    return JsonResponse(job_status(run), 201)


@router.get("/get-backfill-contact-job-status", responses=documented(JobStatusOut))
async def get_backfill_contact_job_status(caller: CallerOf, desk: DeskOf) -> Response:
    """The backfill in flight, else the last one's counts of conversations as `idle`."""
    return JsonResponse(job_status(await desk.backfills.latest(caller.org_id)))


@router.post("/forecast-backfill-contact-analysis-data", responses=documented(ForecastOut, 200, 422))
async def forecast_backfill_contact_analysis_data(
    body: BackfillIn, caller: CallerOf, desk: DeskOf
) -> Response:
    """What that backfill would take. Nothing is started, and no model is asked."""
    try:
        shown = await desk.planning.forecast(caller.org_id, request_of(body))
    except BackfillRefusedError as error:
        raise HTTPException(422, problems_text(error.problems)) from None
    return JsonResponse(forecast_json(shown))


def forecast_json(shown: Forecast) -> dict[str, Any]:
    """A forecast as the API and the command line show it."""
    return asdict(shown)


def request_of(body: BackfillIn) -> BackfillRequest:
    """What is asked, with times as whole milliseconds."""
    chosen = body.backfill_call_filter or CallFilterIn()
    agents = tuple((one.agent_id, tuple(_version(v) for v in one.version)) for one in chosen.agent)
    fields = tuple(dict.fromkeys(body.backfill_attributes))
    request = BackfillRequest(fields, agents)
    return request if chosen.start_timestamp is None else _with_times(request, chosen.start_timestamp)


def _with_times(request: BackfillRequest, times: NumberFilterIn | RangeFilterIn) -> BackfillRequest:
    since: int | None = None
    until: int | None = None
    other: int | None = None
    if isinstance(times, RangeFilterIn):
        since, until = _up(times.value[0]), _down(times.value[1])
    else:
        match times.op:
            case "eq":
                since, until = _up(times.value), _down(times.value)
            case "ne":
                other = _down(times.value) if _down(times.value) == _up(times.value) else None
            case "gt":
                since = _down(times.value) + 1
            case "ge":
                since = _up(times.value)
            case "lt":
                until = _up(times.value) - 1
            case "le":
                until = _down(times.value)
    return BackfillRequest(request.fields, request.agents, since, until, other)


def _up(value: Number) -> int:
    return int(Decimal(value).to_integral_value(ROUND_CEILING))


def _down(value: Number) -> int:
    return int(Decimal(value).to_integral_value(ROUND_FLOOR))


def _version(value: Number) -> str:
    """As it is kept with a conversation: whole numbers without a point."""
    return str(_down(value)) if _down(value) == value else format(Decimal(value), "f")
