"""Several at once: savers of one app, creators at the limit, a saver against a worker and against the configuration."""

import asyncio

import pytest
from tests.integration.connecting_support import FIELDS, ORG, UNREACHABLE, Kit, Place, crm, kit, place
from tests.integration.work_support import NotedWakes
from tests.support import CountingIds

from tieline.connectors.registry import get_connector
from tieline.flows.app_checks import AppRefusedError
from tieline.flows.connecting import AppInput, Connecting, TooManyAppsError
from tieline.ports.config import AppConfig
from tieline.ports.errors import ConflictError, LeaseLostError
from tieline.ports.store import Lane
from tieline.store.app_changes import PostgresAppStore
from tieline.store.apps import Apps
from tieline.store.config import ConfigRefusedError, ConfigUpdate
from tieline.store.leases import Leases, check
from tieline.store.secrets import Secrets, new_key

__all__ = ["crm", "kit", "place"]


async def test_two_updates_at_once_both_stand(place: Place, kit: Kit, crm: str) -> None:
    app = await place.create(kit, crm, kit.mappings())
    await asyncio.gather(
        place.update(app, name="Other"),
        place.update(app, crm_config=kit.mappings(("in", kit.plan, "plan"))),
        place.update(app, crm_config={"sync_conversation_activity": True}),
    )
    after = await place.connecting.get(ORG, app.app_id)
    assert (after.name, after.logs_activities, after.may_run) == ("Other", True, True)
    assert len(after.crm_config["inbound_sync_mappings"]) == 2


async def test_an_app_that_changed_while_the_crm_was_asked_is_not_overwritten(
    place: Place, kit: Kit, crm: str
) -> None:
    app = await place.create(kit, crm, kit.mappings())
    async with place.store.change(ORG, app.app_id, fence=False) as change:
        saving = asyncio.create_task(place.update(app, name="Late"))
        await somebody_waits(place)
        await change.save(app, kit.auth, None, by_person=True)
    assert (await saving).name == "Late"
    assert await place.store.tokens(ORG, app.app_id).load() is None, "as new credentials left it"


async def somebody_waits(place: Place) -> None:
    """Returns when a statement waits for a lock."""
    for _ in range(1_000):
        rows = await place.rows("select pid from pg_stat_activity where wait_event_type = 'Lock'")
        if rows:
            return
        await asyncio.sleep(0.01)
    raise AssertionError("nobody waits")


async def test_creators_at_once_do_not_pass_the_limit(place: Place, kit: Kit) -> None:
    members = AppInput({"type": "crm", "provider": kit.provider, "tenant_url": UNREACHABLE})
    for _ in range(18):
        await place.connecting.create(ORG, members)
    done = await asyncio.gather(
        *(place.connecting.create(ORG, members) for _ in range(5)), return_exceptions=True
    )
    assert sum(isinstance(one, TooManyAppsError) for one in done) == 3
    assert len(await place.connecting.apps(ORG)) == 20


async def test_a_saver_waits_for_the_page_of_a_worker_and_the_next_page_is_refused(
    place: Place, kit: Kit, crm: str
) -> None:
    app = await place.create(kit, crm, kit.mappings(("in", kit.plan, "plan")))
    await place.link_up(app)
    key = f"plan|{kit.plan}"
    await place.contact("contact_0001", app.tenant_key, {}, plan="Pro")
    lease = await Leases(place.pool).acquire(ORG, app.app_id, Lane.BACKFILL, "worker")
    assert lease is not None
    async with place.pool.connection() as connection, connection.transaction():
        await check(connection, lease)
        saving = asyncio.create_task(place.update(app, crm_config=kit.mappings()))
        await somebody_waits(place)
        await connection.execute("update link set state = jsonb_build_object(%s::text, '{}'::jsonb)", [key])
        await connection.execute("update crm_config set last_sync_at = now() where org_id = %s", [ORG])
    await saving
    assert await place.link_states() == {"contact_0001": {}}, (
        "what the page wrote was forgotten with the pair"
    )
    with pytest.raises(LeaseLostError):
        async with place.pool.connection() as connection, connection.transaction():
            await check(connection, lease)


async def test_a_field_does_not_go_while_a_mapping_to_it_comes(place: Place, kit: Kit, crm: str) -> None:
    app = await place.create(kit, crm, kit.mappings())
    without = ConfigUpdate(custom_fields=[spec for spec in FIELDS if spec.name != "plan"])
    mapped, removed = await asyncio.gather(
        place.update(app, crm_config=kit.mappings(("in", kit.plan, "plan"))),
        place.configs.update(ORG, without),
        return_exceptions=True,
    )
    refused = (isinstance(mapped, AppRefusedError), isinstance(removed, ConfigRefusedError))
    assert refused in ((True, False), (False, True))


class Overtaken(PostgresAppStore):
    """A store in which somebody saves the app again whenever it was read."""

    async def get(self, org_id: str, app_id: str) -> AppConfig:
        found = await super().get(org_id, app_id)
        async with self.change(org_id, app_id, fence=False) as change:
            assert change.app is not None
            await change.save(change.app, None, None, by_person=True)
        return found


async def test_a_save_that_is_overtaken_every_time_gives_up_and_changes_nothing(
    place: Place, kit: Kit, crm: str
) -> None:
    app = await place.create(kit, crm, kit.mappings())
    apps = Apps(place.pool, Secrets.from_text(new_key()))
    store = Overtaken(place.pool, apps, place.configs, NotedWakes(), CountingIds())
    await place.rows("update app set auth_ciphertext = null, token_ciphertext = null")
    restless = Connecting(store, get_connector, place.sessions, place.clock, CountingIds(), sandbox_mode=True)
    with pytest.raises(ConflictError):
        await restless.update(ORG, app.app_id, AppInput({"name": "Never"}))
    assert (await place.connecting.get(ORG, app.app_id)).name == "Prod"
