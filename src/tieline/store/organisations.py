"""An organisation's configuration and the app that syncs its contacts, as the analysis flow reads them."""

from tieline.ports.config import AppConfig
from tieline.store.apps import Apps
from tieline.store.config import Configs, CrmConfig


class Organisations:
    """Implements `flows.analysis.OrgReader`."""

    def __init__(self, configs: Configs, apps: Apps) -> None:
        self._configs = configs
        self._apps = apps

    async def org(self, org_id: str) -> CrmConfig:
        """The organisation's fields and mappings."""
        return await self._configs.get(org_id)

    async def linked_app(self, org_id: str) -> AppConfig | None:
        """The app that syncs contacts, connected or not."""
        app_id = (await self._configs.get(org_id)).app_id
        return await self._apps.get(org_id, app_id) if app_id else None
