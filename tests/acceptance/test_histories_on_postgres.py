"""Two histories of the simulation with real worker processes, PostgreSQL and kill -9; `make sim-postgres` does more."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.simulation.postgres.history import live
from tests.simulation.postgres.world import Ground

from tieline.store.embedded import EmbeddedServer
from tieline.testing.simulation import make_history

# Short ones, in which workers wait and die at requests, conversations are logged, a field is hidden; in the first the
# credentials open another tenant for a while, in the second strangers get records.
SEEDS = {"salesforce": 23, "hubspot": 78}


@pytest.fixture(scope="module")
def ground(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ground]:
    """A server for all histories of this module."""
    directory: Path = tmp_path_factory.mktemp("histories")
    server = EmbeddedServer.start(directory / "postgres", durable=False)
    try:
        ground = Ground(server.url(), directory)
        try:
            yield ground
        finally:
            ground.close()
    finally:
        server.stop()


@pytest.mark.parametrize("provider", SEEDS)
async def test_every_invariant_holds_whatever_happens_to_real_workers(ground: Ground, provider: str) -> None:
    outcome = await live(make_history(SEEDS[provider], provider=provider), ground)
    assert not outcome.broken, outcome.told()
    assert outcome.requests, "nothing was ever asked of the CRM"
