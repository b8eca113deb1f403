"""The brake: stops of runs that would do too much, and a person's answers to them. Beyond Retell's API."""

from typing import Annotated, Any

from fastapi import APIRouter, Query
from pydantic import BaseModel, Field
from starlette.responses import Response

from tieline.api.models import Strict
from tieline.api.responses import JsonResponse, ms, without_none
from tieline.api.routers.merges import DeskOf
from tieline.api.routing import ApiRoute, CallerOf
from tieline.api.schemas import documented
from tieline.domain.brake import Brake, BrakeFlow, BrakeKind, BrakeStatus
from tieline.domain.brake_report import would

router = APIRouter(route_class=ApiRoute, tags=["Brake"])


class ExceededOut(BaseModel):
    """A kind of which there is more than its limit."""

    kind: BrakeKind
    count: int
    limit: int


class BrakeOut(BaseModel):
    """A stop. `flow` waits for an answer, the others go on. `sample` is the first of what was stopped, with the values
    before and after; `linked_contacts` is what shares are of. A confirmation holds until `expires_timestamp`.
    """

    brake_id: str
    app_id: str
    flow: BrakeFlow
    status: BrakeStatus
    message: str
    exceeded: list[ExceededOut]
    linked_contacts: int
    sample: list[dict[str, Any]]
    stopped_timestamp: int
    last_seen_timestamp: int
    run_id: str = ""
    decided_timestamp: int = 0
    decided_by: str = ""
    note: str = ""
    expires_timestamp: int = 0
    ended_timestamp: int = 0
    ended_because: str = ""


class BrakesOut(BaseModel):
    """Stops, the newest first."""

    items: list[BrakeOut]


class AnswerBrake(Strict):
    """An answer to a stop. `note` is kept with it."""

    note: Annotated[str, Field(max_length=1_000)] = ""


@router.get("/list-brakes", responses=documented(BrakesOut))
async def list_brakes(
    caller: CallerOf,
    desk: DeskOf,
    app_id: str | None = None,
    include_ended: bool = False,
    limit: Annotated[int, Query(ge=1, le=1_000)] = 100,
) -> Response:
    """The stops that wait for an answer or go on with one; with `include_ended` also those that are over."""
    found = await desk.braking.find(caller.org_id, app_id or None, ended=include_ended, limit=limit)
    return JsonResponse({"items": [brake_json(brake) for brake in found]})


@router.get("/get-brake/{brake_id}", responses=documented(BrakeOut, 200, 404))
async def get_brake(brake_id: str, caller: CallerOf, desk: DeskOf) -> Response:
    """One stop."""
    return JsonResponse(brake_json(await desk.braking.get(caller.org_id, brake_id)))


@router.post("/confirm-brake/{brake_id}", responses=documented(BrakeOut, 200, 400, 404))
async def confirm_brake(brake_id: str, body: AnswerBrake, caller: CallerOf, desk: DeskOf) -> Response:
    """Lets what was stopped go on: within a day, once, as far as was shown and a tenth more."""
    return JsonResponse(
        brake_json(await desk.braking.confirm(caller.org_id, brake_id, caller.editor, body.note))
    )


@router.post("/reject-brake/{brake_id}", responses=documented(BrakeOut, 200, 400, 404))
async def reject_brake(brake_id: str, body: AnswerBrake, caller: CallerOf, desk: DeskOf) -> Response:
    """Leaves it stopped; nobody looks again before it is confirmed or the app's limits are changed."""
    return JsonResponse(
        brake_json(await desk.braking.reject(caller.org_id, brake_id, caller.editor, body.note))
    )


def brake_json(brake: Brake) -> dict[str, Any]:
    """A stop as the API shows it."""
    exceeded = [{"kind": kind.value, "count": n, "limit": most} for kind, (n, most) in brake.shown.items()]
    times = {
        "stopped_timestamp": brake.stopped_at, "last_seen_timestamp": brake.seen_at,
        "decided_timestamp": brake.decided_at, "expires_timestamp": brake.expires_at,
        "ended_timestamp": brake.ended_at,
    }  # fmt: skip
    return without_none(
        {
            "brake_id": brake.brake_id, "app_id": brake.app_id, "flow": brake.flow.value,
            "status": brake.status.value, "message": f"It would {would(brake)}.", "exceeded": exceeded,
            "linked_contacts": brake.known, "sample": list(brake.sample), "run_id": brake.run_id or None,
            **{name: None if at is None else ms(at) for name, at in times.items()},
            "decided_by": brake.decided_by, "note": brake.note, "ended_because": brake.ended_because,
        }
    )  # fmt: skip
