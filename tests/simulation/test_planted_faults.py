"""Worlds that are broken on purpose: each planted fault is caught, by the invariant that is meant for it."""

import pytest
from tests.simulation.crms import make_crm

from tieline.testing.simulation import Lessons, make_history, run
from tieline.testing.simulation.breakage import BREAKAGES, Breakage

LESSONS = Lessons()
WITHIN = 150
"""Seeds, from 0 on, within which each fault must be caught."""


@pytest.mark.parametrize("breakage", BREAKAGES, ids=lambda one: one.name)
def test_a_planted_fault_is_caught(breakage: Breakage) -> None:
    for seed in range(WITHIN):
        history = make_history(seed, provider=breakage.provider, kinds=breakage.kinds)
        outcome = run(history, make_crm, parts=breakage.parts, lessons=LESSONS)
        if set(outcome.broken) & set(breakage.caught_by):
            assert not run(history, make_crm, lessons=LESSONS).broken, f"seed {seed} fails without it"
            return
    pytest.fail(f"{WITHIN} seeds did not catch it")
