"""Mappings in three tabs: from the CRM, to it, from analyses. Saving goes through the same checks as the API."""

from typing import Any

from starlette.exceptions import HTTPException
from starlette.responses import Response

from tieline.dashboard.visit import Visit, action, page
from tieline.domain.analysis_mapping import AnalysisMapping
from tieline.domain.mapping import Direction
from tieline.domain.pairs import Policy
from tieline.domain.suggestions import Suggestion, suggestions
from tieline.domain.update_modes import UpdateMode
from tieline.flows.app_checks import AppRefusedError
from tieline.flows.configuration import field_mappings
from tieline.flows.connecting import AppInput
from tieline.flows.sampling import SampledRecord, SampledValue, check_mappings
from tieline.flows.tenancy import TenantMismatchError
from tieline.ports.config import AppConfig
from tieline.ports.errors import CrmError
from tieline.store.config import ConfigRefusedError, ConfigUpdate, CrmConfig
from tieline.store.members import Role

_SUGGESTED = 6
_PREVIEWED = 5
_LISTS = {"in": "inbound_sync_mappings", "out": "outbound_sync_mappings"}


async def mapping_page(visit: Visit) -> Response:
    """The tab that was asked for."""
    return await _mappings(visit, ())


async def add(visit: Visit) -> Response:
    """Adds or replaces one mapping."""
    if _way(visit) == "analysis":
        return await _add_analysis(visit)
    line: dict[str, Any] = {"external_field_name": visit.text("theirs"), "field_name": visit.text("ours")}
    if visit.text("policy"):
        line["policy"] = visit.text("policy")
    if visit.text("lossy"):
        line["lossy_confirmed"] = True
    app = await _app(visit)
    kept = [one for one in _lines(app, _way(visit)) if not _same(one, line)]
    return await _save_lines(visit, app, [*kept, line], f"{line['external_field_name']} is mapped.")


async def preview(visit: Visit) -> Response:
    """A part of the page: what the mapping in the editor would make of some live records. Nothing is saved."""
    app, way = await _app(visit), _way(visit)
    line: dict[str, Any] = {"external_field_name": visit.arg("theirs"), "field_name": visit.arg("ours")}
    if not (line["external_field_name"] and line["field_name"] and way in _LISTS):
        return visit.render("mappings/preview.html", line=None)
    if visit.arg("policy"):
        line["policy"] = visit.arg("policy")
    line["lossy_confirmed"] = bool(visit.arg("lossy"))
    kept = [one for one in _lines(app, way) if not _same(one, line)]
    tried = {_LISTS[way]: [*kept, line]}
    org = await visit.tieline.configs.get(visit.org_id)
    shown: dict[str, Any] = {"line": line, "way": way, "failed": "", "problems": (), "records": ()}
    try:
        checking = visit.tieline.connecting.checking
        found = await check_mappings(checking, org, visit.org_id, app.app_id, tried, _PREVIEWED)
    except (AppRefusedError, CrmError, TenantMismatchError) as error:
        return visit.render("mappings/preview.html", **{**shown, "failed": str(error)})
    shown |= {"problems": found.problems, "records": [_previewed(one, line) for one in found.records]}
    return visit.render("mappings/preview.html", **shown)


def _previewed(record: SampledRecord, line: dict[str, Any]) -> tuple[SampledRecord, SampledValue | None]:
    """A record, and what becomes of the value that the editor's mapping names."""
    of_line = (one for one in record.values if _names(one, line))
    return record, next(of_line, None)


def _names(value: SampledValue, line: dict[str, Any]) -> bool:
    return (value.external_field_name, value.field_name) == (line["external_field_name"], line["field_name"])


async def remove(visit: Visit) -> Response:
    """Takes one mapping away: nothing is cleared on either side."""
    if _way(visit) == "analysis":
        config = await visit.tieline.configs.get(visit.org_id)
        gone = (visit.text("theirs"), visit.text("ours"))
        rest = [m for m in config.analysis_mappings if (m.analysis_data_name, m.field_name) != gone]
        return await _save_analysis(visit, rest, "The mapping is gone; the values stay.")
    app = await _app(visit)
    line = {"external_field_name": visit.text("theirs"), "field_name": visit.text("ours")}
    rest_lines = [one for one in _lines(app, _way(visit)) if not _same(one, line)]
    return await _save_lines(visit, app, rest_lines, "The mapping is gone; the values stay on both sides.")


async def _add_analysis(visit: Visit) -> Response:
    try:
        mode = UpdateMode(visit.text("mode"))
    except ValueError:
        raise HTTPException(422, "Choose how the value is taken over.") from None
    config = await visit.tieline.configs.get(visit.org_id)
    made = AnalysisMapping(visit.text("theirs"), visit.text("ours"), mode)
    key = (made.analysis_data_name, made.field_name)
    rest = [m for m in config.analysis_mappings if (m.analysis_data_name, m.field_name) != key]
    return await _save_analysis(visit, [*rest, made], f"{made.analysis_data_name} is mapped.")


async def _save_analysis(visit: Visit, mappings: list[AnalysisMapping], said: str) -> Response:
    try:
        await visit.tieline.configs.update(visit.org_id, ConfigUpdate(analysis_mappings=mappings))
    except ConfigRefusedError as error:
        return await _mappings(visit, error.problems)
    return visit.go("/mappings?way=analysis", said)


async def _save_lines(visit: Visit, app: AppConfig, lines: list[dict[str, Any]], said: str) -> Response:
    changed = {"crm_config": {_LISTS[_way(visit)]: lines}}
    try:
        saved = await visit.tieline.connecting.update(visit.org_id, app.app_id, AppInput(changed))
    except AppRefusedError as error:
        return await _mappings(visit, error.problems)
    if not saved.mappings_checked:
        said = f"Saved, but not checked yet: {saved.status_reason}"
    return visit.go(f"/mappings?app={app.app_id}&way={_way(visit)}", said)


async def _mappings(visit: Visit, problems: Any) -> Response:
    config = await visit.tieline.configs.get(visit.org_id)
    apps = await visit.tieline.connecting.apps(visit.org_id)
    app = next((one for one in apps if one.app_id == _app_id(visit, config)), apps[0] if apps else None)
    way = _way(visit)
    schema = {crm.name: crm for crm in (app.schema or ())} if app else {}
    direction = Direction.OUTBOUND if way == "out" else Direction.INBOUND
    suggested: list[Suggestion] = []
    if app and app.schema and way in _LISTS:
        mapped = field_mappings(_lines(app, way))
        suggested = suggestions(direction, mapped, config.fields, app.schema)[:_SUGGESTED]
    return visit.render(
        "mappings/mappings.html",
        status=422 if problems else 200,
        apps=apps,
        app=app,
        way=way,
        lines=_lines(app, way) if app and way in _LISTS else [],
        analysis=config.analysis_mappings,
        fields=config.fields,
        schema=schema,
        policies=list(Policy),
        modes=list(UpdateMode),
        problems=problems,
        suggestions=suggested,
        given=visit.form,
    )


def _lines(app: AppConfig, way: str) -> list[dict[str, Any]]:
    return [dict(line) for line in app.crm_config.get(_LISTS[way]) or ()]


def _same(one: dict[str, Any], other: dict[str, Any]) -> bool:
    return all(one[name] == other[name] for name in ("external_field_name", "field_name"))


def _way(visit: Visit) -> str:
    way = visit.text("way") or visit.arg("way") or "in"
    return way if way in ("in", "out", "analysis") else "in"


def _app_id(visit: Visit, config: CrmConfig) -> str | None:
    return visit.text("app") or visit.arg("app") or config.app_id


async def _app(visit: Visit) -> AppConfig:
    try:
        return await visit.tieline.connecting.get(visit.org_id, visit.text("app") or visit.arg("app"))
    except LookupError:
        raise HTTPException(404, "There is no such connection.") from None


ROUTES = (
    page("/mappings", mapping_page),
    page("/mappings/preview", preview, Role.EDITOR),
    action("/mappings", add),
    action("/mappings/remove", remove),
)
