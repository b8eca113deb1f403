"""The organisation's CRM configuration, in the shape of Retell's resource."""

from typing import Annotated, Any

from fastapi import APIRouter, Depends
from starlette.responses import Response

from tieline.api.analysis_mappings import mapping_json, mappings_of
from tieline.api.models import CustomFieldIn, UpdateCrmConfig
from tieline.api.responses import JsonResponse, ms, without_none
from tieline.api.routing import ApiRoute, CallerOf
from tieline.api.schemas import CrmConfigOut, documented
from tieline.api.services import Services, services_of
from tieline.domain.configuration import ContactTag
from tieline.domain.contact_memory import DEFAULT_MEMORY_PROMPT
from tieline.domain.fields import FieldSpec
from tieline.domain.values import FieldType
from tieline.store.config import ConfigUpdate, CrmConfig

router = APIRouter(route_class=ApiRoute, tags=["CRM"])
ServicesOf = Annotated[Services, Depends(services_of)]


@router.get("/get-crm-config", responses=documented(CrmConfigOut))
async def get_crm_config(caller: CallerOf, services: ServicesOf) -> Response:
    """Custom fields, analysis mappings, tags, the linked app."""
    return JsonResponse(config_json(await services.configs.get(caller.org_id)))


@router.post("/update-crm-config", responses=documented(CrmConfigOut))
async def update_crm_config(body: UpdateCrmConfig, caller: CallerOf, services: ServicesOf) -> Response:
    """Changes what is sent; each list replaces its list.

    Refused as a whole, with everything that is wrong.
    """
    return JsonResponse(config_json(await services.configs.update(caller.org_id, _update(body))))


def config_json(config: CrmConfig) -> dict[str, Any]:
    """A configuration as Retell shows one. A prompt of null means that the preset is used."""
    answer = {
        "org_id": config.org_id,
        "app_id": config.app_id,
        "custom_fields": [_field_json(spec) for spec in config.custom_fields],
        "crm_analysis_data_mappings": [mapping_json(mapping) for mapping in config.analysis_mappings],
        "contact_columns_order": config.contact_columns_order,
        "contact_tags": [{"id": tag.id, "label": tag.label} for tag in config.contact_tags],
        "default_contact_memory_update_prompt": DEFAULT_MEMORY_PROMPT,
        "contact_memory_config": {"enable_update": config.contact_memory_enabled},
        "last_sync_timestamp": ms(config.last_sync_at),
    }
    return {**without_none(answer), "contact_memory_update_prompt": config.contact_memory_update_prompt}


def _field_json(spec: FieldSpec) -> dict[str, Any]:
    answer: dict[str, Any] = {"name": spec.name, "type": spec.type.value}
    if spec.label:
        answer["label"] = spec.label
    if spec.description:
        answer["description"] = spec.description
    if spec.type is FieldType.ENUM:
        answer["options"] = spec.options
    return answer


def _update(body: UpdateCrmConfig) -> ConfigUpdate:
    """The members that were sent."""
    members: dict[str, Any] = {}
    for name in body.model_fields_set:
        value = getattr(body, name)
        match name:
            case "custom_fields":
                members[name] = [_spec(item) for item in value]
            case "crm_analysis_data_mappings":
                members["analysis_mappings"] = mappings_of(value)
            case "contact_tags":
                members[name] = tuple(ContactTag(item.id.lower(), item.label.strip()) for item in value or ())
            case "contact_memory_config":
                if value is not None and value.enable_update is not None:
                    members["contact_memory_enabled"] = value.enable_update
            case _:
                members[name] = tuple(value) if isinstance(value, list) else value
    return ConfigUpdate(**members)


def _spec(item: CustomFieldIn) -> FieldSpec:
    return FieldSpec(
        item.name, FieldType(item.type), item.label or "", item.description or "", tuple(item.options or ())
    )
