"""An app as somebody sent it: is its form right, and what is the app with it. Pure; asks no CRM and no store."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from tieline.domain import app_settings
from tieline.domain.fields import Problem
from tieline.ports.config import AppConfig
from tieline.ports.connections import Connectors

_NAMES: Mapping[str, str] = {"name": "name", "tenant_url": "tenant_url", "tenant_id": "tenant_sub_id"}


@dataclass(frozen=True, slots=True)
class AppInput:
    """What was sent, by the API's names. An update leaves alone what is not in here; create takes the rest as unset.

    Members: type, provider, name, tenant_url, tenant_id (a sub-account), auth_config, crm_config.
    """

    members: Mapping[str, Any] = field(repr=False)


def form_problems(
    members: Mapping[str, Any],
    provider: str,
    kind: str,
    connectors: Connectors,
    *,
    sandbox_mode: bool,
    new: bool,
) -> list[Problem]:
    """Everything that is wrong before contact fields or the CRM's schema are looked at."""
    problems = []
    if kind != "crm":
        problems.append(Problem("type", "Tieline connects CRMs: give crm."))
    for name in _NAMES:
        value = members.get(name)
        if value is not None and (not isinstance(value, str) or len(value) > app_settings.MAX_NAME):
            problems.append(Problem(name, f"Give a text of at most {app_settings.MAX_NAME} characters."))
    if "crm_config" in members:
        problems += app_settings.config_problems(members["crm_config"])
    try:
        connector = connectors(provider)
    except LookupError as error:
        return [*problems, Problem("provider", str(error))]
    if "auth_config" in members:
        schemes = [(s.type, s.required, s.optional) for s in connector.spec.auth_schemes]
        problems += app_settings.auth_problems(members["auth_config"], schemes)
    url = members.get("tenant_url")
    if new or "tenant_url" in members:
        said = (
            connector.check_tenant_url(url, sandbox=sandbox_mode)
            if url is None or isinstance(url, str)
            else None
        )
        if said:
            problems.append(Problem("tenant_url", said))
    return problems


def with_members(app: AppConfig, members: Mapping[str, Any]) -> AppConfig:
    """The app with what was sent, which `form_problems` found right."""
    config = app_settings.merged_config(app.crm_config, members.get("crm_config") or {})
    sent = {ours: members[theirs] for theirs, ours in _NAMES.items() if theirs in members}
    sent["name"] = sent.get("name", app.name) or ""
    auth = members.get("auth_config")
    if auth is not None:
        sent["auth_type"] = auth["type"]
    return replace(app, crm_config=config, sync_interval_s=app_settings.interval_s(config), **sent)


def same_connection(before: AppConfig, after: AppConfig) -> bool:
    """Whether nothing has changed that the CRM would have to be asked about."""
    return before.tenant_url == after.tenant_url and _asked(before) == _asked(after)


def _asked(app: AppConfig) -> dict[str, Any]:
    names = (*app_settings.MAPPING_LISTS, "default_country", "time_zone", "fallback_phone_fields")
    return {name: app.crm_config.get(name) for name in names} if app.crm_config else {}
