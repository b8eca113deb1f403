"""`make sim-postgres SEEDS=20 [FROM=0]`: histories with real workers, PostgreSQL and kill -9.

With `--plant NAME` workers are broken so, and some seed must notice; then the same history must hold without the fault.
"""

import argparse
import asyncio
import signal
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from tests.simulation.postgres.history import live
from tests.simulation.postgres.world import Ground

from tieline.store.embedded import EmbeddedServer
from tieline.testing.simulation import Outcome, make_history
from tieline.testing.simulation.breakage import by_name

_KINDS: Final[Mapping[str, Mapping[str, int]]] = {
    # What is read anew within its overlap is not lost: edits have to be old when their read is cut off.
    "cursor saved before its page": {"edit": 10, "create": 4, "wait": 10, "kill": 20}
}
"""Mixes of actions of its own, where the usual ones of real workers meet a fault too seldom."""


def main() -> int:
    """Exit status 1 if any seed fails, or a planted fault is not noticed."""
    options = _parser().parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that our processes are ended, too
    with TemporaryDirectory(prefix="tieline-histories-") as directory:
        server = EmbeddedServer.start(Path(directory) / "postgres", durable=False)
        try:
            ground = Ground(server.url(), Path(directory))
            try:
                if options.plant:
                    noticed = [asyncio.run(_planted(ground, options, name)) for name in options.plant]
                    return int(not all(noticed))
                return int(bool(asyncio.run(_seeds(ground, options))))
            finally:
                ground.close()
        finally:
            server.stop()


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tests.simulation.postgres", description=__doc__)
    parser.add_argument("--seeds", type=int, default=20, help="how many histories")
    parser.add_argument("--first", type=int, default=0, help="the first seed")
    parser.add_argument("--crm", choices=("salesforce", "hubspot"), help="default: as the seed says")
    parser.add_argument("--stop-after", type=int, default=3, help="failing seeds after which to stop")
    parser.add_argument(
        "--plant", action="append", choices=sorted(by_name()), help="a fault to plant; may be given often"
    )
    parser.add_argument("--told", action="store_true", help="print every story")
    return parser


async def _seeds(ground: Ground, options: argparse.Namespace) -> list[int]:
    failed, began, done = list[int](), time.monotonic(), 0
    for seed in range(options.first, options.first + options.seeds):
        at = time.monotonic()
        outcome = await live(make_history(seed, provider=options.crm), ground)
        done += 1
        print(_line(seed, outcome, at), flush=True)
        if outcome.broken or options.told:
            print(f"{outcome.told()}\n", flush=True)
        if outcome.broken:
            failed.append(seed)
            if len(failed) >= options.stop_after:
                break
    print(f"{done} seeds in {time.monotonic() - began:.0f} s, {len(failed)} failed: {failed}")
    return failed


async def _planted(ground: Ground, options: argparse.Namespace, name: str) -> bool:
    """Whether the fault is noticed, by an invariant that is meant for it, and only the fault is."""
    breakage = by_name()[name]
    print(f"planted: {name}", flush=True)
    for seed in range(options.first, options.first + options.seeds):
        provider = options.crm or breakage.provider
        kinds = _KINDS.get(name, breakage.kinds)
        history, at = make_history(seed, provider=provider, kinds=kinds), time.monotonic()
        outcome = await live(history, ground, breakage=name)
        print(f"  {_line(seed, outcome, at)}", flush=True)
        if set(outcome.broken) & set(breakage.caught_by):
            for sentences in outcome.broken.values():
                print("".join(f"    {sentence}\n" for sentence in sentences), end="", flush=True)
            whole = await live(history, ground)
            print(f"  without it: {', '.join(whole.broken) or 'holds'}", flush=True)
            return not whole.broken
    print("  not noticed", flush=True)
    return False


def _line(seed: int, outcome: Outcome, began: float) -> str:
    history = outcome.history
    return (
        f"seed {seed} ({history.provider}, {len(history.steps)} steps, {outcome.requests} requests):"
        f" {', '.join(outcome.broken) or 'holds'}, {time.monotonic() - began:.1f} s"
    )


if __name__ == "__main__":
    sys.exit(main())
