"""The floor under an import: the same pages by the same client, decoded, and copied into an unlogged table."""

import asyncio
import json
import sys
import time

from bench.setting import Setting, setting
from tieline.bootstrap import tune_collector
from tieline.flows.configuration import effective
from tieline.ports.crm import Json
from tieline.store.json_text import dump_json

_PAGE = 1000


async def main(database_url: str, provider: str, crm_url: str) -> None:
    """Prints records and seconds."""
    tune_collector()
    async with setting(database_url, provider, crm_url) as made:
        started = time.perf_counter()
        records = await _copy_all(made)
        seconds = time.perf_counter() - started
    print(json.dumps({"records": records, "seconds": seconds, "requests": made.session.requests_sent}))


async def _copy_all(made: Setting) -> int:
    how = effective(made.app, await made.configs.get(made.org_id), made.schema)
    fields = how.crm_fields(made.schema)
    connector, cursor, count = made.session.connector, None, 0
    async with made.pool.connection() as connection:
        await connection.execute(
            "create unlogged table if not exists bench_floor (external_id text, record jsonb)"
        )
        while True:
            held: Json | None = cursor
            page = await made.session.run(connector.read_all(fields, held, _PAGE))
            async with (
                connection.transaction(),
                connection.cursor() as db,
                db.copy("copy bench_floor from stdin") as copy,
            ):
                for record in page.records:
                    await copy.write_row((record.external_id, dump_json(dict(record.values)).decode()))
            count += len(page.records)
            cursor = page.cursor
            if page.wait_s:
                await asyncio.sleep(page.wait_s)
            elif cursor is None:
                return count


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
