"""What an administrator does to a simulated organisation: maps fields anew, disconnects the CRM, connects it again.

Everything goes by the flow that the API uses, and asks the simulated CRM as that does.
"""

from collections.abc import Mapping
from dataclasses import replace
from random import Random
from typing import Any, Final

from tieline.connectors.http import HttpSession
from tieline.connectors.registry import get_connector
from tieline.flows.app_checks import AppRefusedError
from tieline.flows.connecting import AppInput, Connecting
from tieline.ports.config import AppConfig
from tieline.ports.crm import Credentials
from tieline.ports.session import OnIdentity, TokenStore
from tieline.testing.simulation import setting
from tieline.testing.simulation.memory_apps import forget_reads
from tieline.testing.simulation.world import World

_DIRECTIONS: Final = ((True, True), (True, True), (True, False), (False, True), (False, False))


class Administrators:
    """Those who may change what is connected, and how."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._modes = dict(setting.MODES)
        self._connecting = Connecting(
            world.apps, get_connector, self._session, world.clock, world.ids, sandbox_mode=True
        )

    async def remap(self, chance: Random) -> bool:
        """A field is mapped otherwise: another policy, another direction, not at all, or again."""
        app = self._world.linked_app
        if app is None:
            return False
        name = chance.choice([one for one in self._modes if one != "do_not_call"])
        mode = self._modes[name]
        if chance.random() < 0.4 and mode.policy is not None and mode.inbound and name != setting.MERGED:
            mode = replace(mode, policy=chance.choice(setting.POLICIES))
        else:
            inbound, outbound = chance.choice(_DIRECTIONS)
            policy = (mode.policy or setting.MODES[name].policy or "crm_wins") if inbound else mode.policy
            mode = replace(mode, inbound=inbound, outbound=outbound, policy=policy)
        modes = {**self._modes, name: mode}
        config = setting.mapping_lists(self._world.crm.names, modes)
        if not await self._save(app, {"crm_config": config}):
            return False
        self._world.say(f"an administrator maps {name} {mode}")
        self._modes = modes
        self._world.chronicle.remapped.add(name)
        return True

    async def disconnect(self, chance: Random) -> bool:
        """The app is deleted; contacts, links and history stay."""
        app = self._world.linked_app
        if app is None:
            return False
        await self._connecting.delete(setting.ORG, app.app_id)
        self._world.say("an administrator disconnects the CRM")
        return True

    async def connect(self, chance: Random) -> bool:
        """A new app for the same CRM tenant takes up the links where the deleted one left them."""
        world = self._world
        if world.linked_app is not None:
            return False
        members: dict[str, Any] = {
            "type": "crm", "provider": world.crm.provider, "tenant_url": setting.URL, "auth_config": world.crm.auth,
            "crm_config": {**world.former_app.crm_config, **setting.mapping_lists(world.crm.names, self._modes)},
        }  # fmt: skip
        try:
            app = await self._connecting.create(setting.ORG, AppInput(members))
        except AppRefusedError as error:
            world.say(f"an administrator cannot connect the CRM now: {error}")
            return False
        world.memory.linked_apps[setting.ORG] = app.app_id
        forget_reads(world.memory, setting.ORG, app.app_id)
        world.say(
            f"an administrator connects the CRM again: {app.connection_status} {app.status_reason or ''}"
        )
        await self.check()
        return True

    async def check(self) -> None:
        """The worker's look at an app that was saved while its CRM could not be reached."""
        app = self._world.linked_app
        if app is not None and not app.may_run:
            await self._connecting.recheck(setting.ORG, app.app_id)

    async def settle(self) -> None:
        """However it was left: the CRM is connected."""
        await self.connect(Random(0))
        await self.check()

    async def _save(self, app: AppConfig, members: Mapping[str, Any]) -> bool:
        try:
            await self._connecting.update(setting.ORG, app.app_id, AppInput(members))
        except AppRefusedError as error:
            self._world.say(f"an administrator may not map so: {error}")
            return False
        return True

    def _session(
        self, app: AppConfig, auth: Mapping[str, str], *, tokens: TokenStore, on_identity: OnIdentity
    ) -> HttpSession:
        world = self._world
        return HttpSession(
            get_connector(app.provider), Credentials(app.tenant_url, auth), http=world.http, token_store=tokens,
            gate=world.gate, clock=world.clock, app_id=app.app_id, on_identity=on_identity,
        )  # fmt: skip
