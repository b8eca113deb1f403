"""Tries an app's mappings on records of its CRM, and suggests further ones. Beyond Retell's API; saves nothing."""

from collections.abc import Sequence
from typing import Annotated, Any

from fastapi import APIRouter, Depends
from pydantic import BaseModel, Field
from starlette.exceptions import HTTPException
from starlette.responses import Response

from tieline.api.errors import problems_text
from tieline.api.models import Strict, Whole
from tieline.api.responses import JsonResponse, without_none
from tieline.api.routers.apps import ConnectionsOf, known_app
from tieline.api.routing import ApiRoute, CallerOf
from tieline.api.schemas import documented
from tieline.api.services import Services, services_of
from tieline.domain.suggestions import Suggestion
from tieline.flows.app_checks import AppRefusedError
from tieline.flows.sampling import MAX_SAMPLE, MappingCheck, check_mappings
from tieline.flows.tenancy import TenantMismatchError
from tieline.ports.errors import CrmError, RateLimitedError, TransientError

router = APIRouter(route_class=ApiRoute, tags=["App"])
ServicesOf = Annotated[Services, Depends(services_of)]


class CheckAppMappings(Strict):
    """Which app, members of `crm_config` to try in the place of the saved ones, and on how many records."""

    app_id: Annotated[str, Field(min_length=1, max_length=250)]
    crm_config: dict[str, Any] | None = None
    sample: Annotated[Whole, Field(ge=0, le=MAX_SAMPLE)] = 10


class ProblemOut(BaseModel):
    """One thing that is wrong, and where."""

    where: str
    message: str


class SampledValueOut(BaseModel):
    """What a value of the CRM becomes, or why it does not."""

    external_field_name: str
    field_name: str
    crm_value: Any = None
    value: Any = None
    problem: str = ""


class SampledRecordOut(BaseModel):
    """A record as it would be read."""

    external_id: str
    phone_number: str = ""
    phone_problem: str = ""
    values: list[SampledValueOut]


class SuggestionOut(BaseModel):
    """Two fields that could be mapped."""

    external_field_name: str
    field_name: str
    score: float
    reason: str


class MappingCheckOut(BaseModel):
    """Everything that is wrong, what the records would become, and what else could be mapped."""

    problems: list[ProblemOut]
    records: list[SampledRecordOut]
    suggested_inbound_sync_mappings: list[SuggestionOut]
    suggested_outbound_sync_mappings: list[SuggestionOut]


@router.post("/check-app-mappings", responses=documented(MappingCheckOut, 200, 400, 404, 429))
async def check_app_mappings(
    body: CheckAppMappings, caller: CallerOf, services: ServicesOf, connections: ConnectionsOf
) -> Response:
    """Holds mappings against the live schema and a few live records. Wrong mappings are told, not refused."""
    await known_app(connections, caller.org_id, body.app_id)
    org = await services.configs.get(caller.org_id)
    checking = connections.connecting.checking
    try:
        found = await check_mappings(
            checking, org, caller.org_id, body.app_id, body.crm_config, int(body.sample)
        )
    except AppRefusedError as error:
        raise HTTPException(422, problems_text(error.problems)) from None
    except RateLimitedError as error:
        raise HTTPException(429, str(error)) from None
    except TransientError as error:
        raise HTTPException(503, str(error)) from None
    except (CrmError, TenantMismatchError) as error:
        raise HTTPException(400, str(error)) from None
    return JsonResponse(check_json(found))


def check_json(found: MappingCheck) -> dict[str, Any]:
    """A check as the API and the command line show it."""
    return {
        "problems": [{"where": one.where, "message": one.message} for one in found.problems],
        "records": [
            without_none(
                {
                    "external_id": record.external_id,
                    "phone_number": record.phone_number,
                    "phone_problem": record.phone_problem or None,
                    "values": [
                        {
                            "external_field_name": one.external_field_name,
                            "field_name": one.field_name,
                            "crm_value": one.raw,
                            "value": one.value,
                            **({"problem": one.problem} if one.problem else {}),
                        }
                        for one in record.values
                    ],
                }
            )
            for record in found.records
        ],
        "suggested_inbound_sync_mappings": _suggested(found.suggested_inbound),
        "suggested_outbound_sync_mappings": _suggested(found.suggested_outbound),
    }


def _suggested(suggestions: Sequence[Suggestion]) -> list[dict[str, Any]]:
    names = ("external_field_name", "field_name", "score", "reason")
    return [{name: getattr(one, name) for name in names} for one in suggestions]
