"""What an agent may know when an outbound call begins. Answered from our own store, in one query."""

from typing import Annotated

from fastapi import APIRouter, Depends
from starlette.responses import Response

from tieline.api.responses import JsonResponse
from tieline.api.routers.contacts import parsed_number
from tieline.api.routing import ApiRoute, CallerOf
from tieline.api.schemas import VariablesOut, documented
from tieline.api.services import Services, services_of

router = APIRouter(route_class=ApiRoute, tags=["Contact"])
ServicesOf = Annotated[Services, Depends(services_of)]


@router.get("/get-contact-dynamic-variables/{phone_number}", responses=documented(VariablesOut))
async def get_contact_dynamic_variables(
    phone_number: str, caller: CallerOf, services: ServicesOf
) -> Response:
    """The contact's fields as dynamic variables: all text, empty ones absent. An unknown number: `{}`."""
    number = await parsed_number(services, caller.org_id, phone_number)
    variables = await services.contacts.variables_by_phone(caller.org_id, number) if number else {}
    return JsonResponse(variables)
