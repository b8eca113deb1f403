"""A configuration from a file: planned, checked as a whole against the live schema, and then carried out step by step.

This module must never begin a plan that is known to be wrong somewhere, nor return or log a credential.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from tieline.domain.analysis_mapping import AnalysisMapping, analysis_mapping_problems
from tieline.domain.app_settings import MAPPING_LISTS
from tieline.domain.config_file import AppFile, Document, completed
from tieline.domain.config_file_diff import changes
from tieline.domain.config_file_plan import (
    Change,
    DeleteApp,
    Facts,
    SaveApp,
    SetDefinition,
    SetFields,
    SetOrganisation,
    Step,
    steps,
)
from tieline.domain.config_file_reading import read_document
from tieline.domain.config_file_secrets import Lookup, UnresolvedError, resolved_app
from tieline.domain.configuration import MAX_COLUMNS, MAX_PROMPT, check_fields, check_tags, too_many
from tieline.domain.fields import BUILTIN_FIELDS, FieldSpec, Problem
from tieline.flows.app_checks import AppRefusedError
from tieline.flows.connecting import AppInput, Connecting
from tieline.flows.trial import OtherTenant, Reached
from tieline.ports.config_file import ConfigFileStore, Standing


class ConfigFileRefusedError(ValueError):
    """A configuration was refused as a whole, and nothing was changed; `problems` is everything that is wrong."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        super().__init__("\n".join(f"{problem.where}: {problem.message}" for problem in problems))
        self.problems = tuple(problems)


@dataclass(frozen=True, slots=True)
class ConfigPlan:
    """What a file would change. `auths` are the new credentials of apps by their keys; others stay."""

    org_id: str
    standing: Standing
    wanted: Document
    steps: tuple[Step, ...]
    changes: tuple[Change, ...]
    auths: Mapping[str, Mapping[str, str]] = field(default_factory=dict, repr=False)

    def as_json(self) -> list[dict[str, Any]]:
        """The changes as plain data: by it two plans are compared."""
        return [change.as_json() for change in self.changes]


@dataclass(frozen=True, slots=True)
class _Org:
    """The organisation as it will be, for checking an app's mappings. Implements `ports.config.OrgConfig`."""

    app_id: str | None
    analysis_mappings: Sequence[AnalysisMapping]
    fields: Mapping[str, FieldSpec]
    contact_memory_enabled: bool = False
    contact_memory_update_prompt: str | None = None


class ConfigFiles:
    """The flow. One instance serves all organisations."""

    def __init__(self, store: ConfigFileStore, connecting: Connecting) -> None:
        self._store = store
        self._connecting = connecting

    async def export(self, org_id: str) -> Document:
        """The whole configuration. Raises SameNameError, LookupError."""
        return (await self._store.standing(org_id)).document

    async def plan(self, org_id: str, data: Any, lookup: Lookup) -> ConfigPlan:
        """What the file would change. Raises ConfigFileRefusedError, SameNameError, LookupError."""
        document = read_document(data)
        if not isinstance(document, Document):
            raise ConfigFileRefusedError(document)
        standing = await self._store.standing(org_id)
        document, auths = _resolved(document, standing, lookup)
        present, wanted = standing.document, completed(document, standing.document)
        kept = {spec.name for spec in wanted.fields}
        gone = [spec.name for spec in present.fields if spec.name not in kept]
        facts = Facts(await self._store.holders(org_id, gone))
        todo = steps(present, wanted)
        return ConfigPlan(org_id, standing, wanted, todo, tuple(changes(present, wanted, facts)), auths)

    async def check(self, plan: ConfigPlan) -> None:
        """Holds the wanted configuration against itself and every CRM that it touches.

        Raises ConfigFileRefusedError with all problems.
        """
        problems = [*_own_problems(plan.standing.document, plan.wanted)]
        for app in _touched(plan):
            problems += await self._app_problems(plan, app)
        if problems:
            raise ConfigFileRefusedError(problems)

    async def apply(self, plan: ConfigPlan) -> None:
        """Carries the plan out, step by step in its order; `check` it first. What was done before a failure stays."""
        ids = dict(plan.standing.app_ids)
        for step in plan.steps:
            await self._do(plan, step, ids)
        linked = plan.wanted.linked_app
        if linked is not None and linked != plan.standing.document.linked_app:
            await self._connecting.recheck(plan.org_id, ids[linked])

    async def _do(self, plan: ConfigPlan, step: Step, ids: dict[str, str]) -> None:
        match step:
            case SetFields(fields):
                await self._store.set_fields(plan.org_id, fields)
            case DeleteApp(key):
                await self._connecting.delete(plan.org_id, ids.pop(key))
            case SaveApp(app):
                given = _input(plan, app, new=app.key not in ids)
                if app.key in ids:
                    await self._connecting.update(plan.org_id, ids[app.key], given)
                else:
                    ids[app.key] = (await self._connecting.create(plan.org_id, given)).app_id
            case SetOrganisation():
                app_id = None if step.linked_app is None else ids[step.linked_app]
                await self._store.set_organisation(plan.org_id, step, app_id)
            case SetDefinition(definition):
                await self._store.save_definition(plan.org_id, definition)

    async def _app_problems(self, plan: ConfigPlan, app: AppFile) -> list[Problem]:
        where = f"app {app.key}"
        before = plan.standing.document.app(app.key)
        new = before is None or before.provider != app.provider
        app_id = None if new else plan.standing.app_ids[app.key]
        linked = app_id if plan.wanted.linked_app == app.key else None
        org = _Org(linked, plan.wanted.analysis_mappings, _all_fields(plan.wanted))
        try:
            given = _input(plan, app, new=new)
            _, outcome = await self._connecting.checking.check(plan.org_id, app_id, given, org)
        except AppRefusedError as error:
            return [Problem(f"{where}: {problem.where}", problem.message) for problem in error.problems]
        if isinstance(outcome, Reached) or not (app.auth or plan.standing.credentials.get(app.key)):
            return []
        cure = ""
        if isinstance(outcome, OtherTenant):
            cure = " Add it as an app of another name, or put the credentials right."
        return [Problem(where, f"It could not be checked against its CRM: {outcome.reason}{cure}")]


def _resolved(
    document: Document, standing: Standing, lookup: Lookup
) -> tuple[Document, dict[str, Mapping[str, str]]]:
    apps, problems = [], []
    auths: dict[str, Mapping[str, str]] = {}
    for app in document.apps:
        before = standing.document.app(app.key)
        same = before is not None and before.provider == app.provider
        known = standing.credentials.get(app.key, {}) if same else {}
        try:
            shown, clear = resolved_app(app, known, lookup)
        except UnresolvedError as error:
            problems.append(Problem(f"app {app.key}", str(error)))
            continue
        apps.append(shown)
        if clear is not None:
            auths[app.key] = clear
    if problems:
        raise ConfigFileRefusedError(problems)
    return replace(document, apps=tuple(apps)), auths


_PLACES = (
    ("custom_fields", "fields"),
    ("crm_analysis_data_mappings", "analysis_mappings"),
    ("contact_tags", "tags"),
)


def _own_problems(present: Document, wanted: Document) -> Iterable[Problem]:
    """What is wrong whatever the CRMs say, by its place in the file."""
    found = [
        *check_fields(wanted.fields, {spec.name: spec for spec in present.fields}),
        *analysis_mapping_problems(wanted.analysis_mappings, _all_fields(wanted)),
        *check_tags(wanted.tags),
        *too_many("columns", wanted.columns, MAX_COLUMNS),
    ]
    for problem in found:
        where = problem.where
        for theirs, ours in _PLACES:
            where = where.replace(theirs, ours, 1)
        yield Problem(where, problem.message)
    if wanted.linked_app is not None and wanted.app(wanted.linked_app) is None:
        known = ", ".join(app.key for app in wanted.apps) or "none"
        yield Problem("linked_app", f"There is no app {wanted.linked_app!r}; there are: {known}.")
    if len(wanted.memory_prompt or "") > MAX_PROMPT:
        yield Problem("memory_prompt", f"A prompt has at most {MAX_PROMPT} characters.")


def _touched(plan: ConfigPlan) -> list[AppFile]:
    """The apps to look at: those that change, and those whose mappings name a field that does."""
    present = plan.standing.document
    before, after = {s.name: s for s in present.fields}, {s.name: s for s in plan.wanted.fields}
    moved = {name for name in {**before, **after} if before.get(name) != after.get(name)}
    saved = {step.app.key for step in plan.steps if isinstance(step, SaveApp)}
    return [app for app in plan.wanted.apps if app.key in saved or _named(app) & moved]


def _named(app: AppFile) -> set[str]:
    return {line["field_name"] for name in MAPPING_LISTS for line in app.crm_config.get(name) or ()}


def _all_fields(document: Document) -> dict[str, FieldSpec]:
    return {**BUILTIN_FIELDS, **{spec.name: spec for spec in document.fields}}


def _input(plan: ConfigPlan, app: AppFile, *, new: bool) -> AppInput:
    """The app as connecting takes it. A member of its `crm_config` that goes is null there."""
    before = plan.standing.document.app(app.key)
    config = dict(app.crm_config)
    if not new and before is not None:
        config |= {name: None for name in before.crm_config if name not in config}
    members: dict[str, Any] = {"name": app.name, "tenant_url": app.tenant_url, "tenant_id": app.tenant_id}
    members["crm_config"] = config
    if new:
        members |= {"type": "crm", "provider": app.provider}
    if app.key in plan.auths:
        members["auth_config"] = dict(plan.auths[app.key])
    return AppInput(members)
