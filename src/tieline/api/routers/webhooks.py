"""Webhooks of Retell: what happened in calls and chats, and what an inbound one may know before it begins.

Signed over the raw body. An unknown organisation and a wrong signature are answered alike, after the same
work.
"""

from collections.abc import Mapping
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request
from starlette.exceptions import HTTPException
from starlette.responses import Response

from tieline.api.responses import JsonResponse
from tieline.api.routers.contacts import parsed_number
from tieline.api.routing import OpenRoute
from tieline.api.schemas import VariablesOut, documented
from tieline.api.services import Services, services_of
from tieline.api.webhooks import retell, signature
from tieline.domain.intake import Announcement
from tieline.ports.clock import to_ms
from tieline.store.json_text import JsonError, load_json, nested_too_deep, without_nul

router = APIRouter(route_class=OpenRoute, tags=["Webhooks"])
ServicesOf = Annotated[Services, Depends(services_of)]

_BODY = {
    "requestBody": {"required": True, "content": {"application/json": {"schema": {"type": "object"}}}},
    "parameters": [
        {"name": signature.HEADER, "in": "header", "required": True, "schema": {"type": "string"}},
    ],
}


@router.post(
    "/webhooks/retell",
    status_code=204,
    responses=documented(None, 204),
    openapi_extra=_BODY,
)
async def retell_event(request: Request, org_id: str, services: ServicesOf) -> Response:
    """call_started, call_ended, call_analyzed and the same of chats; other events are accepted and ignored."""
    payload = await _signed(request, org_id, services)
    event = payload.get("event")
    if not isinstance(event, str) or event not in retell.EVENTS:
        return Response(status_code=204)
    data = _member(payload, retell.EVENTS[event])
    region = await _region(services, org_id, data)
    report = retell.report_of(event, data, region)
    if report is None:
        raise HTTPException(422, f"{retell.EVENTS[event]}: Its id is missing or too long.")
    announced = retell.may_be_announced(event, data)
    await services.intake.take(org_id, report, retell.kept(data), announced=announced)
    return Response(status_code=204)


@router.post("/webhooks/retell/inbound", responses=documented(VariablesOut), openapi_extra=_BODY)
async def retell_inbound(request: Request, org_id: str, services: ServicesOf) -> Response:
    """call_inbound and chat_inbound: answered with the contact's fields as dynamic variables, from our own store."""
    payload = await _signed(request, org_id, services)
    event = payload.get("event")
    if event not in ("call_inbound", "chat_inbound"):
        return JsonResponse({})
    data = _member(payload, event)
    from_number = retell.text(data.get("from_number"))
    number = await parsed_number(services, org_id, from_number) if from_number else None
    variables = await services.contacts.variables_by_phone(org_id, number) if number else {}
    agent_id, to_number = retell.text(data.get("agent_id")), retell.text(data.get("to_number"))
    if event == "chat_inbound" and number and agent_id and to_number:
        await services.intake.announce(org_id, Announcement(agent_id, number, to_number))
    return JsonResponse({event: {"dynamic_variables": variables}})


async def _signed(request: Request, org_id: str, services: Services) -> Mapping[str, Any]:
    """The payload, once its signature has been checked."""
    body = await request.body()
    secrets = await services.accounts.signing_secrets(org_id)
    header = request.headers.get(signature.HEADER, "")
    if not signature.verify(body, header, secrets, to_ms(services.clock.now())):
        raise HTTPException(401, "The signature is not valid.")
    try:
        payload = load_json(body)
    except JsonError as error:
        raise HTTPException(422, f"body: The body is {error}.") from error
    if not isinstance(payload, dict) or nested_too_deep(payload):
        raise HTTPException(422, "body: The body must be a JSON object of reasonable depth.")
    # A platform cannot be asked to send it otherwise, so what cannot be stored is left out.
    return dict(without_nul(payload))


def _member(payload: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    data = payload.get(name)
    if not isinstance(data, dict):
        raise HTTPException(422, f"{name}: The event has no object of that name.")
    return data


async def _region(services: Services, org_id: str, data: Mapping[str, Any]) -> str:
    """The country for national numbers. Platforms send E.164, so the configuration is rarely looked at."""
    metadata = data.get("metadata")
    named = metadata if isinstance(metadata, dict) else {}
    numbers = [data.get("from_number"), data.get("to_number"), named.get("phone_number"), named.get("phone")]
    if any(isinstance(number, str) and not number.startswith("+") for number in numbers):
        return (await services.configs.get(org_id)).default_country
    return "US"
