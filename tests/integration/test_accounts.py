"""Organisations, keys and webhook secrets: kept as hashes or encrypted, never of another organisation."""

from collections.abc import AsyncIterator
from hashlib import sha256

import pytest
from tests.support import CountingIds, FrozenClock

from tieline.store.accounts import AccountError, Accounts
from tieline.store.pool import Pool, make_pool
from tieline.store.secrets import Secrets, new_key


@pytest.fixture
async def pool(db_url: str) -> AsyncIterator[Pool]:
    async with make_pool(db_url) as pool:
        yield pool


@pytest.fixture
def accounts(pool: Pool) -> Accounts:
    return Accounts(pool, Secrets.from_text(new_key()), FrozenClock(), CountingIds())


async def test_a_key_speaks_for_its_organisation_until_it_is_revoked(accounts: Accounts) -> None:
    org = await accounts.create_organisation("Acme")
    new = await accounts.create_key(org.org_id, "ci")
    assert new.text.startswith("key_")
    assert await accounts.key_of(new.text) == new.key
    assert await accounts.key_of(new.text + "x") is None
    assert not await accounts.revoke_key("org_other", new.key.key_id)
    assert await accounts.revoke_key(org.org_id, new.key.key_id)
    assert await accounts.key_of(new.text) is None
    assert not await accounts.revoke_key(org.org_id, new.key.key_id)
    assert (await accounts.keys(org.org_id))[0].revoked_at is not None


async def test_only_a_hash_of_a_key_is_kept(accounts: Accounts, pool: Pool) -> None:
    org = await accounts.create_organisation("Acme")
    new = await accounts.create_key(org.org_id, "ci")
    assert new.text not in repr(new)
    async with pool.connection() as connection:
        row = await (await connection.execute("select * from api_key")).fetchone()
    assert row is not None
    assert bytes(row["key_hash"]) == sha256(new.text.encode()).digest()
    assert new.text not in repr(row)


async def test_webhook_secrets_are_encrypted_and_of_one_organisation(accounts: Accounts, pool: Pool) -> None:
    one, two = await accounts.create_organisation("One"), await accounts.create_organisation("Two")
    first = await accounts.add_webhook_secret(one.org_id, "retell", "key_abc ")
    await accounts.add_webhook_secret(one.org_id, "retell, next", "key_def")
    assert await accounts.signing_secrets(one.org_id) == ["key_abc", "key_def"]
    async with pool.connection() as connection:
        rows = await (await connection.execute("select ciphertext from webhook_secret")).fetchall()
    assert all(b"key_" not in bytes(row["ciphertext"]) for row in rows)
    assert not await accounts.remove_webhook_secret(two.org_id, first.secret_id)
    assert await accounts.remove_webhook_secret(one.org_id, first.secret_id)
    assert await accounts.signing_secrets(one.org_id) == ["key_def"]
    assert [secret.name for secret in await accounts.webhook_secrets(one.org_id)] == ["retell, next"]


async def test_without_a_secret_there_is_one_to_check_against_that_nobody_knows(accounts: Accounts) -> None:
    org = await accounts.create_organisation("Acme")
    (unknown,) = await accounts.signing_secrets("org_nobody")
    assert len(unknown) > 20
    assert await accounts.signing_secrets(org.org_id) == [unknown]


async def test_what_cannot_be_done_is_said(accounts: Accounts) -> None:
    org = await accounts.create_organisation("Acme", "org_acme")
    with pytest.raises(AccountError, match="org_acme already"):
        await accounts.create_organisation("Acme", "org_acme")
    with pytest.raises(AccountError, match="no organisation org_x"):
        await accounts.create_key("org_x", "ci")
    with pytest.raises(AccountError, match="empty"):
        await accounts.add_webhook_secret(org.org_id, "retell", " ")
    assert await accounts.organisations() == [org]
    assert await accounts.organisation("org_acme") == org
    assert await accounts.organisation("org_x") is None
