"""Contact fields: what there is, a new one, other words for one, and taking one away. The API's checks apply."""

from collections.abc import Sequence
from dataclasses import replace

from starlette.exceptions import HTTPException
from starlette.responses import Response

from tieline.dashboard.visit import Visit, action, page
from tieline.domain.fields import FieldSpec, Problem
from tieline.domain.values import FieldType
from tieline.store.config import ConfigRefusedError, ConfigUpdate, CrmConfig


async def field_list(visit: Visit) -> Response:
    """All fields, the built-in ones first."""
    return await _fields(visit, ())


async def save(visit: Visit) -> Response:
    """Adds a field, or gives a present one another label, description or options."""
    config = await visit.tieline.configs.get(visit.org_id)
    name = visit.text("name")
    present = {spec.name: spec for spec in config.custom_fields}
    options = tuple(line.strip() for line in visit.text("options").splitlines() if line.strip())
    label, description = visit.text("label"), visit.text("description")
    if visit.text("do") == "change":
        if name not in present:
            raise HTTPException(404, f"There is no custom field {name}.")
        changed = replace(present[name], label=label, description=description, options=options)
        wanted = [changed if spec.name == name else spec for spec in config.custom_fields]
        return await _update(visit, wanted, f"{name} is changed.")
    if name in config.fields:
        return await _fields(visit, [Problem("name", f"There is a field {name} already.")])
    made = FieldSpec(name, _type(visit), label, description, options)
    return await _update(visit, [*config.custom_fields, made], f"{name} is there.")


async def remove(visit: Visit) -> Response:
    """Takes a field away with its values; refused while a mapping names it."""
    config = await visit.tieline.configs.get(visit.org_id)
    left = [spec for spec in config.custom_fields if spec.name != visit.text("name")]
    return await _update(visit, left, f"{visit.text('name')} is removed.")


async def _update(visit: Visit, wanted: Sequence[FieldSpec], said: str) -> Response:
    try:
        await visit.tieline.configs.update(visit.org_id, ConfigUpdate(custom_fields=wanted))
    except ConfigRefusedError as error:
        return await _fields(visit, error.problems)
    return visit.go("/fields", said)


async def _fields(visit: Visit, problems: Sequence[Problem]) -> Response:
    config = await visit.tieline.configs.get(visit.org_id)
    return visit.render(
        "fields/fields.html",
        status=422 if problems else 200,
        fields=list(config.fields.values()),
        used=await _used(visit, config),
        types=list(FieldType),
        problems=problems,
        given=visit.form,
    )


async def _used(visit: Visit, config: CrmConfig) -> dict[str, list[str]]:
    """By field: which mappings name it, in words."""
    used: dict[str, list[str]] = {}
    for app in await visit.tieline.connecting.apps(visit.org_id):
        for member, said in (("inbound_sync_mappings", "from"), ("outbound_sync_mappings", "to")):
            for line in app.crm_config.get(member) or ():
                words = f"{said} {line['external_field_name']}"
                used.setdefault(line["field_name"], []).append(words)
    for mapping in config.analysis_mappings:
        used.setdefault(mapping.field_name, []).append(f"from {mapping.analysis_data_name}")
    return used


def _type(visit: Visit) -> FieldType:
    try:
        return FieldType(visit.text("type"))
    except ValueError:
        raise HTTPException(422, "Choose the type of the field.") from None


ROUTES = (
    page("/fields", field_list),
    action("/fields", save),
    action("/fields/remove", remove),
)
