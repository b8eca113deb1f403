"""Many seeds, lived through one after the other or by several processes; the same comes of them either way."""

import multiprocessing
from collections.abc import Iterable, Iterator

from tests.simulation.crms import make_crm

from tieline.testing.simulation import History, Lessons, Outcome, make_history, run

_CHUNK = 20
_LESSONS = Lessons()


def outcomes(seeds: Iterable[int], jobs: int) -> Iterator[tuple[int, Outcome]]:
    """The seeds in their order, lived through here or by some processes."""
    if jobs <= 1:
        yield from map(seed_lived, seeds)
        return
    with multiprocessing.get_context("spawn").Pool(jobs) as pool:
        yield from pool.imap(seed_lived, seeds, _CHUNK)


def seed_lived(seed: int) -> tuple[int, Outcome]:
    """The seed, and what came of its history."""
    return seed, live(make_history(seed))


def live(history: History) -> Outcome:
    """Lives through a history; what a process has learned about a kind of CRM it keeps."""
    return run(history, make_crm, lessons=_LESSONS)
