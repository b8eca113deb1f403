"""`make sim SEEDS=10000 [FROM=0]`: lives through many histories, tells how far it is, and the story of what fails."""

import argparse
import sys
import time
from collections import Counter

from tests.simulation.crms import make_crm

from tieline.testing.simulation import History, Lessons, Outcome, make_history, run, shrink

_TELL_EVERY_S = 10.0


def main() -> int:
    """Exit status 1 if any seed fails."""
    parser = argparse.ArgumentParser(prog="python -m tests.simulation", description=__doc__)
    parser.add_argument("--seeds", type=int, default=1000, help="how many histories")
    parser.add_argument("--first", type=int, default=0, help="the first seed")
    parser.add_argument("--stop-after", type=int, default=3, help="failing seeds after which to stop")
    options = parser.parse_args()
    lessons, failed, in_window, began = Lessons(), list[int](), 0, time.monotonic()
    told, seed = began, options.first
    for seed in range(options.first, options.first + options.seeds):
        outcome = run(make_history(seed), make_crm, lessons=lessons)
        in_window += outcome.in_window
        if outcome.broken:
            failed.append(seed)
            print(story(seed, outcome, lessons), flush=True)
            if len(failed) >= options.stop_after:
                break
        if time.monotonic() - told > _TELL_EVERY_S:
            told = time.monotonic()
            print(progress(seed - options.first + 1, options.seeds, told - began, failed), flush=True)
    done = seed - options.first + 1
    print(progress(done, options.seeds, time.monotonic() - began, failed))
    print(f"{in_window} edits were lost inside the window between our look and our write, as they must be.")
    return 1 if failed else 0


def progress(done: int, seeds: int, seconds: float, failed: list[int]) -> str:
    """How far it is."""
    names = f": {', '.join(map(str, failed))}" if failed else ""
    return f"{done} of {seeds} seeds in {seconds:.0f} s, {len(failed)} failed{names}"


def story(seed: int, outcome: Outcome, lessons: Lessons) -> str:
    """The shortest history found that breaks the same invariants, told."""
    broken = set(outcome.broken)

    def fails(history: History) -> bool:
        return bool(broken & set(run(history, make_crm, lessons=lessons).broken))

    short = shrink(outcome.history, fails)
    kinds = ", ".join(f"{name} {times}" for name, times in Counter(step.kind for step in short.steps).items())
    told = run(short, make_crm, lessons=lessons).told()
    return f"=== seed {seed} fails; its shortest story ({kinds or 'no steps'}):\n{told}\n    {short!r}\n"


if __name__ == "__main__":
    sys.exit(main())
