"""A real BottleCRM for the tests that ask for it, and the world that the conformance suite sees in it."""

import os
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import httpx2
import pytest
from tests.bottlecrm.server import BottleCrm, Organisation, running
from tests.bottlecrm.world import BottleCrmWorld, Network

pytest.register_assert_rewrite(
    "tieline.testing.crm_reads",
    "tieline.testing.crm_writes",
    "tieline.testing.crm_activities",
    "tieline.testing.crm_capabilities",
    "tieline.testing.crm_failures",
)


@pytest.fixture(scope="session")
def bottlecrm() -> Iterator[BottleCrm]:
    """The running CRM. Skips where nobody asked for it."""
    home = os.environ.get("TIELINE_BOTTLECRM")
    if not home:
        pytest.skip("tests against a real BottleCRM run by `make test-bottlecrm`")
    with running(Path(home).resolve()) as crm:
        yield crm


@pytest.fixture
def org(bottlecrm: BottleCrm) -> Organisation:
    """An empty organisation."""
    return bottlecrm.organisation("Conformance")


@pytest.fixture
async def world(org: Organisation) -> AsyncIterator[BottleCrmWorld]:
    """Its world."""
    network = Network()
    async with httpx2.AsyncClient(transport=network) as http:
        yield BottleCrmWorld(org, http, network)
