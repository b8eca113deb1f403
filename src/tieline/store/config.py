"""An organisation's CRM configuration: custom fields, analysis mappings, tags, the linked app.

An update is checked as a whole under a lock and then written as a whole. This module must never let a field
go that a mapping names, nor change a field's type.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import datetime
from typing import Any

from psycopg.types.json import Jsonb

from tieline.domain.analysis_mapping import AnalysisMapping, analysis_mapping_problems
from tieline.domain.configuration import (
    MAX_COLUMNS,
    MAX_MAPPINGS,
    MAX_PROMPT,
    ContactTag,
    check_fields,
    check_removals,
    check_tags,
    too_many,
)
from tieline.domain.fields import BUILTIN_FIELDS, FieldSpec, Problem
from tieline.domain.values import FieldType
from tieline.ports.clock import Clock, Ids, to_ms
from tieline.store.pool import Connection, Pool, Queries

DEFAULT_COUNTRY = "US"


class UnknownOrganisationError(LookupError):
    """There is no such organisation."""


class ConfigRefusedError(ValueError):
    """An update was refused as a whole; `problems` is everything that is wrong with it."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        super().__init__("; ".join(f"{problem.where}: {problem.message}" for problem in problems))
        self.problems = tuple(problems)


@dataclass(frozen=True, slots=True)
class CrmConfig:
    """An organisation's configuration. `custom_fields` are in the order that was given; so are the mappings.

    `default_country` and `time_zone` are the linked app's.
    """

    org_id: str
    app_id: str | None
    custom_fields: tuple[FieldSpec, ...]
    analysis_mappings: tuple[AnalysisMapping, ...]
    contact_columns_order: tuple[str, ...]
    contact_tags: tuple[ContactTag, ...]
    contact_memory_update_prompt: str | None
    last_sync_at: datetime | None
    default_country: str = DEFAULT_COUNTRY
    time_zone: str = "UTC"
    contact_memory_enabled: bool = False

    @property
    def fields(self) -> dict[str, FieldSpec]:
        """All contact fields by name, the built-in ones first."""
        return {**BUILTIN_FIELDS, **{spec.name: spec for spec in self.custom_fields}}


class _Unset:
    """The value of a member that an update does not mention."""


UNSET = _Unset()


@dataclass(frozen=True, slots=True)
class ConfigUpdate:
    """A partial update: what is UNSET stays; a list replaces its list; `app_id` None unlinks."""

    custom_fields: Sequence[FieldSpec] | _Unset = UNSET
    analysis_mappings: Sequence[AnalysisMapping] | _Unset = UNSET
    contact_columns_order: Sequence[str] | _Unset = UNSET
    contact_tags: Sequence[ContactTag] | _Unset = UNSET
    contact_memory_update_prompt: str | _Unset | None = UNSET
    contact_memory_enabled: bool | _Unset = UNSET
    app_id: str | _Unset | None = UNSET


class Configs:
    """The configurations of all organisations."""

    def __init__(self, pool: Pool, clock: Clock, ids: Ids) -> None:
        self._pool = pool
        self._clock = clock
        self._ids = ids
        self._sql = Queries("config")

    async def get(self, org_id: str) -> CrmConfig:
        """The configuration, empty if nobody set anything. Raises UnknownOrganisationError."""
        async with self._pool.connection() as connection:
            return await self._get(connection, org_id)

    async def lock(self, connection: Connection, org_id: str) -> CrmConfig:
        """The configuration, locked until the transaction on `connection` ends.

        Whoever saves an app's mappings does so under this lock, so that no field goes while a mapping to it
        comes. Raises UnknownOrganisationError.
        """
        await connection.execute(self._sql["ensure"], {"org_id": org_id})
        await connection.execute(self._sql["lock"], {"org_id": org_id})
        return await self._get(connection, org_id)

    async def update(self, org_id: str, update: ConfigUpdate) -> CrmConfig:
        """The configuration after the update. Raises ConfigRefusedError, UnknownOrganisationError."""
        async with self._pool.connection() as connection, connection.transaction():
            present = await self.lock(connection, org_id)
            wanted = self._merged(present, update)
            problems = _problems(present, wanted)
            problems += await self._removal_problems(connection, present, wanted)
            problems += await self._app_problems(connection, present, wanted)
            if problems:
                raise ConfigRefusedError(problems)
            await self._save(connection, present, wanted)
            return await self._get(connection, org_id)

    def _merged(self, present: CrmConfig, update: ConfigUpdate) -> CrmConfig:
        """The configuration as the update wants it; fields that stay keep their ids, new ones get one."""
        members = {f.name: getattr(update, f.name) for f in fields(update)}
        wanted: dict[str, Any] = {name: v for name, v in members.items() if not isinstance(v, _Unset)}
        merged = {f.name: wanted.get(f.name, getattr(present, f.name)) for f in fields(present)}
        known = {spec.name: spec.field_id for spec in present.custom_fields}
        merged["custom_fields"] = tuple(
            FieldSpec(
                spec.name,
                spec.type,
                spec.label,
                spec.description,
                spec.options if spec.type is FieldType.ENUM else (),
                known.get(spec.name) or self._ids.new("field"),
            )
            for spec in merged["custom_fields"]
        )
        return CrmConfig(**merged)

    async def _removal_problems(
        self, connection: Connection, present: CrmConfig, wanted: CrmConfig
    ) -> list[Problem]:
        """A field stays while a mapping names it: one of an app, or an analysis mapping that is not replaced too."""
        removed = {spec.name for spec in present.custom_fields} - {spec.name for spec in wanted.custom_fields}
        if not removed:
            return []
        named_by: dict[str, set[str]] = {}
        if wanted.analysis_mappings is present.analysis_mappings:
            for mapping in present.analysis_mappings:
                named = f"the analysis mapping of {mapping.analysis_data_name}"
                named_by.setdefault(mapping.field_name, set()).add(named)
        for row in await _rows(connection, self._sql["mapped_fields"], {"org_id": present.org_id}):
            label = row["app_name"] or row["provider"]
            named = f"an {row['direction']} mapping of the app {label} ({row['app_id']})"
            named_by.setdefault(row["field_name"], set()).add(named)
        return check_removals(removed, named_by)

    async def _app_problems(
        self, connection: Connection, present: CrmConfig, wanted: CrmConfig
    ) -> list[Problem]:
        if wanted.app_id is None or wanted.app_id == present.app_id:
            return []
        key = {"org_id": present.org_id, "app_id": wanted.app_id}
        rows = await _rows(connection, self._sql["crm_app"], key)
        if not rows:
            return [Problem("app_id", f"There is no app {wanted.app_id!r}.")]
        if rows[0]["type"] != "crm":
            return [Problem("app_id", f"The app {wanted.app_id!r} is not a CRM.")]
        return []

    async def _save(self, connection: Connection, present: CrmConfig, wanted: CrmConfig) -> None:
        org_id = present.org_id
        row = {
            "org_id": org_id,
            "app_id": wanted.app_id,
            "contact_columns_order": Jsonb(list(wanted.contact_columns_order)),
            "contact_tags": Jsonb([{"id": tag.id, "label": tag.label} for tag in wanted.contact_tags]),
            "contact_memory_update_prompt": wanted.contact_memory_update_prompt,
            "contact_memory_enabled": wanted.contact_memory_enabled,
        }
        await connection.execute(self._sql["save"], row)
        if wanted.custom_fields != present.custom_fields:
            await self._save_fields(connection, present, wanted)
        if wanted.analysis_mappings != present.analysis_mappings:
            await self._save_mappings(connection, wanted)
        if wanted.app_id != present.app_id:
            await self._relink(connection, present, wanted)

    async def _save_fields(self, connection: Connection, present: CrmConfig, wanted: CrmConfig) -> None:
        now = self._clock.now()
        kept = {spec.field_id for spec in wanted.custom_fields}
        names = [spec.name for spec in present.custom_fields if spec.field_id not in kept]
        if names:
            row = {"org_id": present.org_id, "names": names, "now": now, "now_ms": to_ms(now)}
            await connection.execute(self._sql["withdraw_values"], row)
            await connection.execute(self._sql["remove_fields"], row)
        async with connection.cursor() as cursor:
            await cursor.executemany(
                self._sql["upsert_field"],
                [
                    {
                        "org_id": present.org_id,
                        "field_id": spec.field_id,
                        "name": spec.name,
                        "type": spec.type.value,
                        "label": spec.label,
                        "description": spec.description,
                        "options": Jsonb(list(spec.options)),
                        "position": position,
                        "now": now,
                    }
                    for position, spec in enumerate(wanted.custom_fields)
                ],
            )

    async def _save_mappings(self, connection: Connection, wanted: CrmConfig) -> None:
        await connection.execute(self._sql["clear_mappings"], {"org_id": wanted.org_id})
        async with connection.cursor() as cursor:
            await cursor.executemany(
                self._sql["add_mapping"],
                [
                    {
                        "org_id": wanted.org_id,
                        "analysis_data_name": mapping.analysis_data_name,
                        "field_name": mapping.field_name,
                        "update_mode": mapping.update_mode.value,
                        "options": Jsonb(mapping.options()),
                        "position": position,
                    }
                    for position, mapping in enumerate(wanted.analysis_mappings)
                ],
            )

    async def _relink(self, connection: Connection, present: CrmConfig, wanted: CrmConfig) -> None:
        """The next sync of an app that is linked, or linked again, is a full one."""
        row = {
            "org_id": present.org_id,
            "app_id": wanted.app_id,
            "app_ids": [app_id for app_id in (present.app_id, wanted.app_id) if app_id],
            "now": self._clock.now(),
        }
        await connection.execute(self._sql["forget_reads"], row)
        await connection.execute(self._sql["schedule"], row)

    async def _get(self, connection: Connection, org_id: str) -> CrmConfig:
        rows = await _rows(connection, self._sql["get"], {"org_id": org_id})
        if not rows:
            raise UnknownOrganisationError(org_id)
        return _from_row(rows[0])


def _problems(present: CrmConfig, wanted: CrmConfig) -> list[Problem]:
    problems: list[Problem] = []
    if wanted.custom_fields is not present.custom_fields:
        problems += check_fields(wanted.custom_fields, {spec.name: spec for spec in present.custom_fields})
    if wanted.analysis_mappings is not present.analysis_mappings:
        problems += too_many("crm_analysis_data_mappings", wanted.analysis_mappings, MAX_MAPPINGS)
        problems += analysis_mapping_problems(wanted.analysis_mappings, wanted.fields)
    problems += check_tags(wanted.contact_tags)
    problems += too_many("contact_columns_order", wanted.contact_columns_order, MAX_COLUMNS)
    if len(wanted.contact_memory_update_prompt or "") > MAX_PROMPT:
        said = f"A prompt has at most {MAX_PROMPT} characters."
        problems.append(Problem("contact_memory_update_prompt", said))
    return problems


def _from_row(row: Mapping[str, Any]) -> CrmConfig:
    linked = row["linked_app"] or {}
    return CrmConfig(
        org_id=row["org_id"],
        app_id=row["app_id"],
        custom_fields=tuple(
            FieldSpec(
                item["name"],
                FieldType(item["type"]),
                item["label"],
                item["description"],
                tuple(item["options"]),
                item["field_id"],
            )
            for item in row["custom_fields"]
        ),
        analysis_mappings=tuple(
            AnalysisMapping.from_parts(
                item["analysis_data_name"], item["field_name"], item["update_mode"], item["options"]
            )
            for item in row["analysis_mappings"]
        ),
        contact_columns_order=tuple(row["contact_columns_order"]),
        contact_tags=tuple(ContactTag(tag["id"], tag["label"]) for tag in row["contact_tags"]),
        contact_memory_update_prompt=row["contact_memory_update_prompt"],
        last_sync_at=row["last_sync_at"],
        default_country=linked.get("default_country") or DEFAULT_COUNTRY,
        time_zone=linked.get("time_zone") or "UTC",
        contact_memory_enabled=row["contact_memory_enabled"],
    )


async def _rows(connection: Connection, query: Any, values: Mapping[str, Any]) -> list[dict[str, Any]]:
    return await (await connection.execute(query, values)).fetchall()
