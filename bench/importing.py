"""A first read of everything, and one that finds nothing new, in a process whose memory is its own."""

import asyncio
import json
import resource
import sys
import time

from bench.setting import setting
from tieline.bootstrap import tune_collector


async def main(database_url: str, provider: str, crm_url: str) -> None:
    """Prints records, seconds, requests and peak memory."""
    tune_collector()
    async with setting(database_url, provider, crm_url) as made:
        started = time.perf_counter()
        run = await made.inbound(full=True)
        first = time.perf_counter() - started
        idle_memory = _peak_mb()
        started = time.perf_counter()
        again = await made.inbound(full=True)
        second = time.perf_counter() - started
    report = {
        "records": run["counts"].get("read", 0), "seconds": first, "requests": run["requests_sent"],
        "counts": {k: int(v) for k, v in run["counts"].items()}, "peak_mb": idle_memory,
        "again_records": again["counts"].get("read", 0), "again_seconds": second,
        "again_counts": {k: int(v) for k, v in again["counts"].items()},
    }  # fmt: skip
    print(json.dumps(report))


def _peak_mb() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
