"""Connections: a guided connect in the CRM's own words, a live test, permissions, schema and quota."""

from typing import Any

from starlette.exceptions import HTTPException
from starlette.responses import Response

from tieline.connectors.registry import get_connector, providers
from tieline.dashboard.visit import Visit, action, page
from tieline.domain.fields import Problem
from tieline.flows.app_checks import AppRefusedError
from tieline.flows.connecting import AppInput, TooManyAppsError
from tieline.flows.tenancy import NoSwitchError
from tieline.ports.config import AppConfig
from tieline.ports.crm import ConnectorSpec
from tieline.ports.errors import CrmError
from tieline.store.config import ConfigUpdate
from tieline.store.members import Role
from tieline.store.rate_limit import told_limits


async def connection_list(visit: Visit) -> Response:
    """What is connected, and what can be."""
    config = await visit.tieline.configs.get(visit.org_id)
    apps = await visit.tieline.connecting.apps(visit.org_id)
    offered = [get_connector(name).spec for name in providers()]
    return visit.render("connections/list.html", apps=apps, linked=config.app_id, offered=offered)


async def connect_form(visit: Visit) -> Response:
    """The steps in the CRM, and what to bring back from there."""
    return _form(visit, _spec(visit), {}, ())


async def connect(visit: Visit) -> Response:
    """Tries the credentials, saves, and lets the app sync contacts where none does yet."""
    spec = _spec(visit)
    members = _members(visit, spec)
    members["crm_config"] = {
        "inbound_sync_mappings": [
            {"external_field_name": spec.default_phone_field, "field_name": "phone_number"}
        ],
        "default_country": visit.text("default_country") or "US",
        "sync_conversation_activity": visit.text("log_activities") == "yes",
    }
    try:
        app = await visit.tieline.connecting.create(visit.org_id, AppInput(members))
    except AppRefusedError as error:
        return _form(visit, spec, members, error.problems)
    except TooManyAppsError as error:
        return _form(visit, spec, members, [Problem("app", str(error))])
    config = await visit.tieline.configs.get(visit.org_id)
    if config.app_id is None:
        await visit.tieline.configs.update(visit.org_id, ConfigUpdate(app_id=app.app_id))
        await visit.tieline.connecting.recheck(visit.org_id, app.app_id)
    return visit.go(f"/connections/{app.app_id}")


async def connection_page(visit: Visit) -> Response:
    """One connection: how it stands, its limits, its fields."""
    return await _connection(visit)


async def test(visit: Visit) -> Response:
    """Tries the credentials now."""
    app = await _app(visit)
    tried = await visit.tieline.connecting.test_auth(visit.org_id, app.app_id)
    said = tried.message or ("The credentials work." if tried.success else "The CRM did not let us in.")
    return await _connection(visit, tested=tried.success, said=said)


async def change(visit: Visit) -> Response:
    """Links or unlinks, renames, switches the tenant, or deletes."""
    app = await _app(visit)
    match visit.text("do"):
        case "link":
            await visit.tieline.configs.update(visit.org_id, ConfigUpdate(app_id=app.app_id))
            await visit.tieline.connecting.recheck(visit.org_id, app.app_id)
            return visit.go(f"/connections/{app.app_id}", "It syncs contacts now.")
        case "unlink":
            await visit.tieline.configs.update(visit.org_id, ConfigUpdate(app_id=None))
            return visit.go(f"/connections/{app.app_id}", "It syncs no contacts any more.")
        case "switch":
            try:
                await visit.tieline.connecting.confirm_tenant_switch(visit.org_id, app.app_id)
            except NoSwitchError as error:
                raise HTTPException(409, str(error)) from None
            return visit.go(f"/connections/{app.app_id}", "It goes on with the other tenant.")
        case "delete":
            await visit.tieline.connecting.delete(visit.org_id, app.app_id)
            return visit.go("/connections", "Deleted. Contacts, links and history stay.")
    raise HTTPException(422, "Say what is to be done with the connection.")


async def renew(visit: Visit) -> Response:
    """Takes new credentials, which are tried at once."""
    app = await _app(visit)
    members = _members(visit, get_connector(app.provider).spec)
    given = {name: members[name] for name in ("auth_config",) if members.get(name)}
    try:
        await visit.tieline.connecting.update(visit.org_id, app.app_id, AppInput(given))
    except AppRefusedError as error:
        return await _connection(visit, tested=False, said=" ".join(p.message for p in error.problems))
    return visit.go(f"/connections/{app.app_id}", "The new credentials are kept.")


async def _connection(visit: Visit, *, tested: bool | None = None, said: str = "") -> Response:
    app = await _app(visit)
    config = await visit.tieline.configs.get(visit.org_id)
    return visit.render(
        "connections/connection.html",
        app=app,
        spec=get_connector(app.provider).spec,
        linked=config.app_id == app.app_id,
        limits=await told_limits(visit.tieline.pool, visit.org_id, app.app_id),
        fields=list(app.schema or ()),
        tested=tested,
        said=said,
    )


async def refresh_schema(visit: Visit) -> Response:
    """Reads the CRM's contact fields now."""
    app = await _app(visit)
    try:
        _, schema = await visit.tieline.connecting.read_schema(visit.org_id, app.app_id)
    except CrmError as error:
        return await _connection(visit, tested=False, said=str(error))
    return visit.render("connections/fields.html", fields=list(schema))


async def _app(visit: Visit) -> AppConfig:
    try:
        return await visit.tieline.connecting.get(visit.org_id, visit.path("app_id"))
    except LookupError:
        raise HTTPException(404, "There is no such connection.") from None


def _spec(visit: Visit) -> ConnectorSpec:
    try:
        return get_connector(visit.path("provider")).spec
    except LookupError as error:
        raise HTTPException(404, str(error)) from None


def _members(visit: Visit, spec: ConnectorSpec) -> dict[str, Any]:
    number = visit.text("scheme") or "0"
    place = int(number) if number.isdecimal() else 0
    scheme = spec.auth_schemes[place if place < len(spec.auth_schemes) else 0]
    given = {name: visit.text(f"auth:{name}") for name in (*scheme.required, *scheme.optional)}
    auth = {"type": scheme.type, **{name: text for name, text in given.items() if text}}
    members: dict[str, Any] = {
        "type": "crm",
        "provider": spec.provider,
        "name": visit.text("name") or spec.label,
    }
    if visit.text("tenant_url"):
        members["tenant_url"] = visit.text("tenant_url")
    members["auth_config"] = auth
    return members


def _form(visit: Visit, spec: ConnectorSpec, given: dict[str, Any], problems: Any) -> Response:
    shown = visit.arg("scheme") or visit.text("scheme") or "0"
    place = int(shown) if shown.isdecimal() and int(shown) < len(spec.auth_schemes) else 0
    return visit.render(
        "connections/connect.html",
        status=422 if problems else 200,
        spec=spec,
        place=place,
        scheme=spec.auth_schemes[place],
        given=given,
        problems=problems,
    )


ROUTES = (
    page("/connections", connection_list),
    page("/connections/new/{provider}", connect_form, Role.OWNER),
    action("/connections/new/{provider}", connect, Role.OWNER),
    page("/connections/{app_id}", connection_page),
    action("/connections/{app_id}/test", test),
    action("/connections/{app_id}/schema", refresh_schema),
    action("/connections/{app_id}/credentials", renew, Role.OWNER),
    action("/connections/{app_id}", change, Role.OWNER),
)
