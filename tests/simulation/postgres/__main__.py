"""`make sim-postgres SEEDS=20 [FROM=0]`: histories with real workers, PostgreSQL and kill -9."""

import argparse
import asyncio
import signal
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.simulation.postgres.history import live
from tests.simulation.postgres.world import Ground

from tieline.store.embedded import EmbeddedServer
from tieline.testing.simulation import make_history
from tieline.testing.simulation.breakage import by_name


def main() -> int:
    """Exit status 1 if any seed fails; with a planted fault, if none does."""
    parser = argparse.ArgumentParser(prog="python -m tests.simulation.postgres", description=__doc__)
    parser.add_argument("--seeds", type=int, default=20, help="how many histories")
    parser.add_argument("--first", type=int, default=0, help="the first seed")
    parser.add_argument("--crm", choices=("salesforce", "hubspot"), help="default: as the seed says")
    parser.add_argument("--stop-after", type=int, default=3, help="failing seeds after which to stop")
    parser.add_argument("--plant", choices=sorted(by_name()), help="break the workers so; it must be noticed")
    parser.add_argument("--told", action="store_true", help="print every story")
    options = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that our processes are ended, too
    with TemporaryDirectory(prefix="tieline-histories-") as directory:
        server = EmbeddedServer.start(Path(directory) / "postgres", durable=False)
        try:
            ground = Ground(server.url(), Path(directory))
            try:
                failed = asyncio.run(_seeds(ground, options))
            finally:
                ground.close()
        finally:
            server.stop()
    return int(bool(failed) != bool(options.plant))


async def _seeds(ground: Ground, options: argparse.Namespace) -> list[int]:
    failed, began = list[int](), time.monotonic()
    breakage = by_name()[options.plant] if options.plant else None
    done = 0
    for seed in range(options.first, options.first + options.seeds):
        if breakage is None:
            history = make_history(seed, provider=options.crm)
        else:
            history = make_history(seed, provider=options.crm or breakage.provider, kinds=breakage.kinds)
        at = time.monotonic()
        outcome = await live(history, ground, breakage=options.plant)
        done += 1
        print(
            f"seed {seed} ({history.provider}, {len(history.steps)} steps, {outcome.requests} requests):"
            f" {', '.join(outcome.broken) or 'holds'}, {time.monotonic() - at:.1f} s", flush=True,
        )  # fmt: skip
        if outcome.broken or options.told:
            print(f"{outcome.told()}\n", flush=True)
        if outcome.broken:
            failed.append(seed)
            if len(failed) >= options.stop_after:
                break
    print(f"{done} seeds in {time.monotonic() - began:.0f} s, {len(failed)} failed: {failed}")
    return failed


if __name__ == "__main__":
    sys.exit(main())
