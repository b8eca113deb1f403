"""The migrations add up to schema.sql, on every server version that is supported."""

import threading
from importlib.resources import files

import psycopg
import pytest
from pgqueuer.adapters.drivers.psycopg import PsycopgDriver
from pgqueuer.adapters.persistence.queries import Queries

from tieline.store.embedded import EmbeddedServer, ensure_database
from tieline.store.migrate import DatabaseTooNewError, migrate, status

pytestmark = pytest.mark.parametrize("pg_server", ["wheel", "pg15"], indirect=True)

_CATALOGUE = {
    "columns": """
        select c.relname, a.attname, format_type(a.atttypid, a.atttypmod), a.attnotnull, a.attidentity,
               a.attgenerated, pg_get_expr(d.adbin, d.adrelid), a.attnum
        from pg_attribute a join pg_class c on c.oid = a.attrelid
        left join pg_attrdef d on d.adrelid = c.oid and d.adnum = a.attnum
        where c.relkind in ('r', 'p') and a.attnum > 0 and not a.attisdropped
              and c.relnamespace = 'public'::regnamespace""",
    "constraints": """
        select conrelid::regclass::text, conname, pg_get_constraintdef(oid) from pg_constraint
        where connamespace = 'public'::regnamespace and conrelid <> 0 and contype <> 'n'""",
    "indexes": "select tablename, indexname, indexdef from pg_indexes where schemaname = 'public'",
    "relations": """
        select relname, relkind::text, relpersistence::text from pg_class
        where relnamespace = 'public'::regnamespace""",
    "types": "select typname, typtype::text from pg_type where typnamespace = 'public'::regnamespace",
    "triggers": "select tgname, pg_get_triggerdef(oid) from pg_trigger where not tgisinternal",
    "functions": "select proname, prosrc from pg_proc where pronamespace = 'public'::regnamespace",
}


def _catalogue(url: str) -> dict[str, list[tuple[object, ...]]]:
    """What a database consists of, without the queue's and Alembic's own objects."""
    with psycopg.connect(url) as connection:
        return {
            kind: sorted(
                (row for row in connection.execute(query.encode()).fetchall() if not _is_foreign(row)),
                key=repr,
            )
            for kind, query in _CATALOGUE.items()
        }


def _is_foreign(row: tuple[object, ...]) -> bool:
    return any("pgqueuer" in str(part) or "alembic_version" in str(part) for part in row[:2])


def test_migrations_add_up_to_the_schema(pg_server: EmbeddedServer, db_url: str) -> None:
    plain = ensure_database(pg_server.url(), "schema_only")
    with psycopg.connect(plain) as connection:
        connection.execute((files("tieline.store") / "schema.sql").read_bytes())
    expected, found = _catalogue(plain), _catalogue(db_url)
    assert expected["columns"]
    for kind in expected:
        assert found[kind] == expected[kind], kind


async def test_the_job_queue_finds_its_tables_as_it_declares_them(db_url: str) -> None:
    async with await psycopg.AsyncConnection.connect(db_url, autocommit=True) as connection:
        plan = await Queries(PsycopgDriver(connection)).plan_upgrade()
    assert not plan.statements


def test_migrating_again_changes_nothing(db_url: str) -> None:
    before = _catalogue(db_url)
    migrate(db_url)
    assert _catalogue(db_url) == before
    assert status(db_url).up_to_date


def test_processes_that_start_together_migrate_once(pg_server: EmbeddedServer) -> None:
    url = ensure_database(pg_server.url(), "together")
    assert status(url).current is None
    errors: list[BaseException] = []

    def start() -> None:
        try:
            migrate(url)
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=start) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not errors
    assert status(url).up_to_date


def test_a_database_of_a_newer_version_is_refused(pg_server: EmbeddedServer, db_url: str) -> None:
    with psycopg.connect(db_url) as connection:
        connection.execute("update alembic_version set version_num = '9999'")
    with pytest.raises(DatabaseTooNewError, match="9999"):
        migrate(db_url)
