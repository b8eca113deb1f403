"""`make bench`: imports from each sandbox CRM, beside the floor of the same run. Prints a Markdown table."""

import argparse

from bench.processes import child, database, sandbox


def main() -> None:
    """Runs all benchmarks and prints their table."""
    parser = argparse.ArgumentParser(prog="make bench ARGS=...", description=main.__doc__)
    parser.add_argument("--contacts", type=int, default=100_000)
    parser.add_argument("--crm", action="append", choices=["salesforce", "hubspot"])
    options = parser.parse_args()
    print("| CRM | what | records | seconds | records/s | x floor | peak MB | API calls |")
    print("|---|---|---|---|---|---|---|---|")
    for provider in options.crm or ["salesforce", "hubspot"]:
        for contacts in (options.contacts // 10, options.contacts):
            _one(provider, contacts)


def _one(provider: str, contacts: int) -> None:
    with database() as url, sandbox(provider, contacts) as crm:
        floor = child("floor", url, provider, crm)
        made = child("importing", url, provider, crm)
    low = floor["seconds"]
    _row(provider, "floor: fetch, decode, copy", floor["records"], low, low, None, floor["requests"])
    _row(provider, "first import", made["records"], made["seconds"], low, made["peak_mb"], made["requests"])
    _row(provider, "full read, nothing new", made["again_records"], made["again_seconds"], low, None, None)


def _row(
    crm: str, what: str, n: int, seconds: float, floor: float, peak: float | None, calls: int | None
) -> None:
    memory = "" if peak is None else f"{peak:.0f}"
    requests = "" if calls is None else str(calls)
    rate, ratio = n / seconds, seconds / floor
    print(
        f"| {crm} | {what} | {n:,} | {seconds:.1f} | {rate:,.0f} | {ratio:.1f} | {memory} | {requests} |",
        flush=True,
    )


if __name__ == "__main__":
    main()
