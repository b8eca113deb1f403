"""A configuration as one document, read and written. Implements `ports.config_file.ConfigFileStore`.

Credentials are read here to be compared, and must never get into the document.
"""

from collections.abc import Mapping, Sequence

from tieline.domain.config_file import AppFile, Document
from tieline.domain.config_file_plan import SetOrganisation
from tieline.domain.config_file_secrets import shown_auth
from tieline.domain.extraction.definition import AnalysisDefinition
from tieline.domain.fields import FieldSpec
from tieline.ports.config_file import SameNameError, Standing
from tieline.store.apps import Apps
from tieline.store.config import Configs, ConfigUpdate, CrmConfig
from tieline.store.extractions import Extractions
from tieline.store.pool import Pool, Queries

_sql = Queries("config")


class PostgresConfigFiles:
    """The configurations of all organisations."""

    def __init__(self, pool: Pool, configs: Configs, apps: Apps, extractions: Extractions) -> None:
        self._pool = pool
        self._configs = configs
        self._apps = apps
        self._extractions = extractions

    async def standing(self, org_id: str) -> Standing:
        """The whole configuration. Raises SameNameError, UnknownOrganisationError."""
        config = await self._configs.get(org_id)
        apps: list[AppFile] = []
        ids: dict[str, str] = {}
        credentials: dict[str, Mapping[str, str]] = {}
        for app in await self._apps.of_organisation(org_id):
            known = await self._apps.credentials(org_id, app.app_id)
            shown = AppFile(
                app.provider, app.name, app.tenant_url, app.tenant_sub_id, shown_auth(known), app.crm_config
            )
            if shown.key in ids:
                other = ids[shown.key]
                raise SameNameError(
                    f"Two apps are called {shown.key} ({other} and {app.app_id}), and a file knows apps by their "
                    "names: give each a name of its own, by update-app."
                )
            apps.append(shown)
            ids[shown.key] = app.app_id
            credentials[shown.key] = known
        definitions = await self._extractions.definitions(org_id)
        return Standing(_document(config, apps, ids, definitions), ids, credentials)

    async def holders(self, org_id: str, names: Sequence[str]) -> Mapping[str, int]:
        """How many contacts hold a value of each of those custom fields."""
        if not names:
            return {}
        async with self._pool.connection() as connection:
            rows = await connection.execute(_sql["holders"], {"org_id": org_id, "names": list(names)})
            return {row["name"]: row["number"] for row in await rows.fetchall()}

    async def set_fields(self, org_id: str, fields: Sequence[FieldSpec]) -> None:
        """Replaces the custom fields. Raises ConfigRefusedError."""
        await self._configs.update(org_id, ConfigUpdate(custom_fields=fields))

    async def set_organisation(self, org_id: str, step: SetOrganisation, app_id: str | None) -> None:
        """Replaces all that belongs to the organisation. Raises ConfigRefusedError."""
        update = ConfigUpdate(
            custom_fields=step.fields,
            analysis_mappings=step.analysis_mappings,
            contact_columns_order=step.columns,
            contact_tags=step.tags,
            contact_memory_enabled=step.memory_enabled,
            contact_memory_update_prompt=step.memory_prompt,
            app_id=app_id,
        )
        await self._configs.update(org_id, update)

    async def save_definition(self, org_id: str, definition: AnalysisDefinition) -> None:
        """Replaces an agent's definition; one that says nothing is dropped."""
        await self._extractions.save_definition(org_id, definition)


def _document(
    config: CrmConfig,
    apps: Sequence[AppFile],
    ids: Mapping[str, str],
    definitions: Sequence[AnalysisDefinition],
) -> Document:
    return Document(
        fields=config.custom_fields,
        apps=tuple(apps),
        linked_app=next((key for key, app_id in ids.items() if app_id == config.app_id), None),
        analysis_mappings=config.analysis_mappings,
        analysis=tuple(definitions),
        tags=config.contact_tags,
        columns=config.contact_columns_order,
        memory_enabled=config.contact_memory_enabled,
        memory_prompt=config.contact_memory_update_prompt,
    )
