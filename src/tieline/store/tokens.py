"""One app's access token between sessions, sealed in its row. Must never log or print it."""

from datetime import datetime

from tieline.ports.crm import Token
from tieline.store.apps import Apps, token_to_json


class AppTokens:
    """Implements `ports.session.TokenStore` for one app."""

    def __init__(self, apps: Apps, org_id: str, app_id: str) -> None:
        self._apps = apps
        self._org_id = org_id
        self._app_id = app_id

    async def load(self) -> Token | None:
        """The token that was saved last."""
        found = await self._apps.load_token(self._org_id, self._app_id)
        if found is None:
            return None
        expires = found["expires_at"]
        return Token(**{**found, "expires_at": datetime.fromisoformat(expires) if expires else None})

    async def save(self, token: Token) -> None:
        """Replaces it; committed when this returns."""
        await self._apps.save_token(self._org_id, self._app_id, token_to_json(token))

    async def clear(self) -> None:
        """Forgets it."""
        await self._apps.save_token(self._org_id, self._app_id, None)
