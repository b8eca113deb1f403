"""`make sim SEEDS=10000 [FROM=0] [ARGS=--jobs=2]`: lives through many histories and tells the story of what fails."""

import argparse
import sys
import time
from collections import Counter
from dataclasses import dataclass, field

from tests.simulation.seeds import live, outcomes

from tieline.testing.simulation import History, Outcome, shrink

_TELL_EVERY_S = 10.0


@dataclass(slots=True)
class Tally:
    """What came of the seeds so far."""

    done: int = 0
    in_window: int = 0
    unknowable: int = 0
    failed: list[int] = field(default_factory=list)

    def take(self, outcome: Outcome, seed: int) -> None:
        """One more."""
        self.done += 1
        self.in_window += outcome.in_window
        self.unknowable += outcome.unknowable
        if outcome.broken:
            self.failed.append(seed)


def main() -> int:
    """Exit status 1 if any seed fails."""
    parser = argparse.ArgumentParser(prog="python -m tests.simulation", description=__doc__)
    parser.add_argument("--seeds", type=int, default=1000, help="how many histories")
    parser.add_argument("--first", type=int, default=0, help="the first seed")
    parser.add_argument("--jobs", type=int, default=1, help="processes that share the seeds")
    parser.add_argument("--stop-after", type=int, default=3, help="failing seeds after which to stop")
    options = parser.parse_args()
    tally, began = Tally(), time.monotonic()
    told = began
    for seed, outcome in outcomes(range(options.first, options.first + options.seeds), options.jobs):
        tally.take(outcome, seed)
        if outcome.broken:
            print(story(seed, outcome), flush=True)
            if len(tally.failed) >= options.stop_after:
                break
        if time.monotonic() - told > _TELL_EVERY_S:
            told = time.monotonic()
            print(progress(tally, options.seeds, told - began), flush=True)
    print(progress(tally, options.seeds, time.monotonic() - began))
    print(
        f"{tally.in_window} edits were lost inside the window between our look and our write, as they must be; "
        f"{tally.unknowable} values came back in a record of ours that nobody could know for ours."
    )
    return 1 if tally.failed else 0


def progress(tally: Tally, seeds: int, seconds: float) -> str:
    """How far it is."""
    names = f": {', '.join(map(str, tally.failed))}" if tally.failed else ""
    return f"{tally.done} of {seeds} seeds in {seconds:.0f} s, {len(tally.failed)} failed{names}"


def story(seed: int, outcome: Outcome) -> str:
    """The shortest history found that breaks the same invariants, told."""
    broken = set(outcome.broken)

    def fails(history: History) -> bool:
        return bool(broken & set(live(history).broken))

    short = shrink(outcome.history, fails)
    kinds = ", ".join(f"{name} {times}" for name, times in Counter(step.kind for step in short.steps).items())
    told = live(short).told()
    return f"=== seed {seed} fails; its shortest story ({kinds or 'no steps'}):\n{told}\n    {short!r}\n"


if __name__ == "__main__":
    sys.exit(main())
