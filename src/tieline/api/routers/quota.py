"""How an app's daily requests stand: whose they were, what is reserved, which lanes wait. Beyond Retell's API."""

from datetime import datetime
from typing import Literal

from fastapi import APIRouter
from pydantic import BaseModel
from starlette.exceptions import HTTPException
from starlette.responses import Response

from tieline.api.responses import JsonResponse, ms, without_none
from tieline.api.routers.apps import ConnectionsOf, known_app
from tieline.api.routing import ApiRoute, CallerOf
from tieline.api.schemas import documented
from tieline.domain.quota import shown

router = APIRouter(route_class=ApiRoute, tags=["App"])


class ByLane(BaseModel):
    """A number for each lane: live write-backs, recurring syncs, backfills."""

    live: int
    recurring: int
    backfill: int


class QuotaOut(BaseModel):
    """The day of one app, or the last 24 hours where the CRM counts so (`resets` is rolling).

    `daily_limit` is false for a CRM without one. `allowed` is missing as long as the CRM has told nothing. Counts are
    of all tools together; `lane_ceilings` say up to which count a lane may send. Timestamps are epoch milliseconds.
    """

    daily_limit: bool
    allowed: int = 0
    used: int = 0
    used_by_tieline: int = 0
    used_by_others: int = 0
    used_by_lane: ByLane | None = None
    reserve_percent: int = 0
    lane_ceilings: ByLane | None = None
    resets: Literal["midnight", "rolling"] = "rolling"
    resets_timestamp: int = 0
    told_timestamp: int = 0
    waiting: list[Literal["live", "recurring", "backfill"]] = []
    waiting_since_timestamp: int = 0
    waiting_until_timestamp: int = 0


@router.get("/get-app-quota/{app_id}", responses=documented(QuotaOut, 200, 404))
async def get_app_quota(app_id: str, caller: CallerOf, connections: ConnectionsOf) -> Response:
    """How the CRM's daily limit stands for an app, as far as the CRM has told."""
    app = await known_app(connections, caller.org_id, app_id)
    try:
        standing = await connections.quotas.standing(app)
    except LookupError:
        raise HTTPException(404, f"There is no connector {app.provider}.") from None
    if standing is None:
        return JsonResponse({"daily_limit": False})
    members = {
        _named(name, value): ms(value) if isinstance(value, datetime) else value
        for name, value in shown(standing).items()
    }
    return JsonResponse({"daily_limit": True, **without_none(members)})


def _named(name: str, value: object) -> str:
    return f"{name.removesuffix('_at')}_timestamp" if isinstance(value, datetime) else name
