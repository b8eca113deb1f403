"""Conformance of failing: every failure has its class, says whether a write may have happened, and keeps secrets."""

from datetime import UTC, datetime

from tieline.domain.crm_schema import CrmField
from tieline.domain.records import Patch
from tieline.ports.crm import CrmSession, Written
from tieline.ports.errors import (
    CredentialsInvalidError,
    CrmError,
    PermissionMissingError,
    RateLimitedError,
    TransientError,
)
from tieline.testing.crm_steps import failing, fields_of, live, person
from tieline.testing.world import Fault, World


class FailureConformance:
    """What a session raises when the CRM or the network does not do as asked."""

    async def test_each_failure_of_a_read_has_its_class(self, world: World) -> None:
        one, session, fields = await self._ready(world)
        for fault, kind in (
            (Fault.FORBIDDEN, PermissionMissingError),
            (Fault.UNAVAILABLE, TransientError),
            (Fault.DROPPED_BEFORE, TransientError),
            (Fault.DROPPED_AFTER, TransientError),
        ):
            await world.fail(fault)
            error = await failing(kind, live(session, fields, one))
            assert not getattr(error, "maybe_applied", False), fault
            await world.heal()
            assert (await live(session, fields, one)).external_id == one

    async def test_a_rate_limit_says_until_when(self, world: World) -> None:
        one, session, fields = await self._ready(world)
        await world.fail(Fault.RATE_LIMITED)
        error = await failing(RateLimitedError, live(session, fields, one))
        assert error.until > datetime.now(UTC)

    async def test_a_write_that_never_left_or_was_refused_is_known_not_to_have_happened(
        self, world: World
    ) -> None:
        one, session, fields = await self._ready(world)
        patch = Patch(one, {world.fields.first_name: "New"})
        for fault in (Fault.FORBIDDEN, Fault.RATE_LIMITED):
            await world.fail(fault)
            error = await failing(CrmError, session.run(session.connector.update_contacts([patch], fields)))
            assert not isinstance(error, TransientError)
            await world.heal()
            session = world.session()
        assert (await world.look(one))[world.fields.first_name] == "Ada1"

    async def test_a_write_whose_answer_is_lost_may_have_happened(self, world: World) -> None:
        one, session, fields = await self._ready(world)
        for fault, name in ((Fault.DROPPED_BEFORE, "Ada1"), (Fault.DROPPED_AFTER, "New")):
            await world.fail(fault)
            patch = Patch(one, {world.fields.first_name: "New"})
            write = session.connector.update_contacts([patch], fields)
            error = await failing(TransientError, session.run(write))
            assert error.maybe_applied
            assert (await world.look(one))[world.fields.first_name] == name

    async def test_an_expired_token_is_renewed_without_a_word(self, world: World) -> None:
        one, session, fields = await self._ready(world)
        await world.fail(Fault.TOKEN_EXPIRED)
        patch = Patch(one, {world.fields.first_name: "New"})
        write = session.connector.update_contacts([patch], fields)
        if world.renewable:
            assert [type(outcome) for outcome in await session.run(write)] == [Written]
        else:
            await failing(CredentialsInvalidError, session.run(write))

    async def test_credentials_that_stay_refused_end_in_their_own_error(self, world: World) -> None:
        one, session, fields = await self._ready(world)
        await world.fail(Fault.TOKEN_EXPIRED, times=None)
        await failing(CredentialsInvalidError, live(session, fields, one))

    async def test_no_error_shows_a_secret(self, world: World) -> None:
        one, session, fields = await self._ready(world)
        assert all(len(secret) > 4 for secret in world.secrets)
        assert world.secrets
        for fault in Fault:
            await world.fail(fault, times=None)
            patch = Patch(one, {world.fields.first_name: "New"})
            write = session.connector.update_contacts([patch], fields)
            error = await failing(CrmError, session.run(write))
            await world.heal()
            for text in (str(error), repr(error), error.message, error.detail, repr(error.args)):
                assert not any(secret in text for secret in world.secrets), fault
            session = world.session()

    async def test_an_address_that_is_not_the_vendors_is_refused(self, world: World) -> None:
        connector = world.session().connector
        refused = ["http://10.0.0.1:8801", "http://127.0.0.1:8801", "https://127.0.0.1", "file:///etc/passwd"]
        if not world.self_hosted:
            refused.append("https://crm.example.com")
        for url in refused:
            assert connector.check_tenant_url(url, sandbox=False) is not None, url
        for url in ("http://10.0.0.1:8801", "http://127.0.0.1.example.com", "http://127.0.0.1:8801/x"):
            assert connector.check_tenant_url(url, sandbox=True) is not None, url
        assert connector.check_tenant_url("http://127.0.0.1:8801", sandbox=True) is None

    async def _ready(self, world: World) -> tuple[str, CrmSession, dict[str, CrmField]]:
        """A record, and a session that has authenticated."""
        one = await world.create(person(world, 1))
        session = world.session()
        fields = await fields_of(session, world)
        await live(session, fields, one)
        return one, session, fields
