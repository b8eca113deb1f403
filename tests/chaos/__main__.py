"""`make chaos`: kills real workers in the middle of real work, checks both sides, and prints the figures as a table."""

import argparse
import asyncio
import os
import secrets
import signal
import statistics
import sys
import time
import traceback
from collections.abc import Sequence
from datetime import UTC, datetime

from tests.chaos.backfill import backfill_conversations
from tests.chaos.scenarios import Measured, Plan, import_contacts, log_conversations, push_changes
from tests.chaos.storm import Harm

_HISTORIES = {
    "import": import_contacts, "push": push_changes, "activities": log_conversations,
    "backfill": backfill_conversations,
}  # fmt: skip
_STINTS = {"import": 2.0, "push": 1.0, "activities": 4.0, "backfill": 4.0}
_LATENCY = {"import": 0.8, "push": 0.3, "activities": 0.1, "backfill": 0.0}
_HEAD = (
    "| history | CRM | amount | seed | kills | freezes | takeover after a kill, s: median (longest) | after a freeze"
    " | further |"
)


def main(arguments: Sequence[str] | None = None) -> int:
    """Exit code 1 if a check failed."""
    options = _parser().parse_args(arguments)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that our processes are ended, too
    amounts = {
        "import": options.contacts,
        "push": options.changes,
        "activities": options.conversations,
        "backfill": options.past,
    }
    rows, failed = [_HEAD, "|" + "---|" * _HEAD.count(" | ") + "---|"], 0
    for what in options.what or _HISTORIES:
        # A backfill has nothing to do with the CRM.
        for crm in ("hubspot",) if what == "backfill" else options.crm or ("salesforce", "hubspot"):
            seed = options.seed if options.seed is not None else secrets.randbelow(10**6)
            harms: list[Harm] = ["kill"] * options.kills
            for at in range(options.freezes):
                harms.insert(1 + 3 * at, "freeze")
            plan = Plan(crm, amounts[what], harms, seed, _STINTS[what], _LATENCY[what])
            print(f"{what} of {plan.amount} with {crm}, seed {seed}", flush=True)
            began = time.monotonic()
            try:
                measured = asyncio.run(_HISTORIES[what](plan))
            except Exception:
                # The others still have something to tell.
                print(f"  FAILED:\n{traceback.format_exc()}", flush=True)
                failed += 1
                continue
            rows.append(_row(measured, plan.amount))
            print(f"  right, after {time.monotonic() - began:.0f} s: {measured.notes}", flush=True)
    print(f"\n{datetime.now(UTC):%Y-%m-%d}, {os.cpu_count()} cores\n" + "\n".join(rows))
    return 1 if failed else 0


def _row(measured: Measured, amount: int) -> str:
    kills = [t.taken_over_s for t in measured.takeovers if t.harm == "kill"]
    freezes = [t.taken_over_s for t in measured.takeovers if t.harm == "freeze"]
    notes = ", ".join(f"{name}: {value}" for name, value in measured.notes.items())
    cells = (
        measured.what, measured.crm, f"{amount:,}", str(measured.seed), str(len(kills)), str(len(freezes)),
        _spread(kills), _spread(freezes), notes,
    )  # fmt: skip
    return f"| {' | '.join(cells)} |"


def _spread(seconds: list[float]) -> str:
    return f"{statistics.median(seconds):.1f} ({max(seconds):.1f})" if seconds else ""


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="make chaos", description=__doc__)
    parser.add_argument("what", nargs="*", choices=[[], *_HISTORIES], help="which histories (default: all)")
    parser.add_argument("--crm", action="append", choices=("salesforce", "hubspot"), help="default: both")
    parser.add_argument("--contacts", type=int, default=20_000, help="records of the import")
    parser.add_argument("--changes", type=int, default=2_000, help="local changes to push")
    parser.add_argument("--conversations", type=int, default=500, help="conversations to log")
    parser.add_argument("--past", type=int, default=10_000, help="past conversations to backfill")
    parser.add_argument("--kills", type=int, default=10, help="kill -9 in each history")
    parser.add_argument("--freezes", type=int, default=2, help="workers stopped for longer than their lease")
    parser.add_argument(
        "--seed", type=int, help="of the moments of the kills and of the CRM's people (default: any)"
    )
    return parser


if __name__ == "__main__":
    sys.exit(main())
