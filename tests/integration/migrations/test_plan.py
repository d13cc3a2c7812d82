import time
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any, TypeAlias

import asyncpg
import pytest
from alembic.config import Config as AlembicConfig
from pydantic import SecretStr

from app.backend.config.settings import DatabaseSettings
from app.backend.database.embedded import EmbeddedServer
from app.backend.database.target import DatabaseTarget, parse_target
from app.backend.migrations.analysis.scratch import ScratchPlace
from app.backend.migrations.planning.fingerprint import schema_fingerprint
from app.backend.migrations.planning.plan import Plan
from app.backend.migrations.planning.planner import MOST_TRIED, Scratch, make_plan
from app.backend.migrations.planning.table import render
from tests.support.postgres import fresh_database
from tests.support.revision_chain import revisions

Connection: TypeAlias = "asyncpg.Connection[asyncpg.Record]"

BASE = """
op.execute("CREATE TABLE orders (id bigint PRIMARY KEY, note text, name varchar(9))")
op.execute("CREATE TABLE lines (id bigint PRIMARY KEY, order_id bigint)")
"""
BUILT = """
CREATE TABLE orders (id bigint PRIMARY KEY, note text, name varchar(9));
CREATE TABLE lines (id bigint PRIMARY KEY, order_id bigint);
CREATE SCHEMA ops;
CREATE TABLE ops.alembic_version (version_num text);
INSERT INTO ops.alembic_version VALUES ('r1')
"""


@pytest.fixture
async def url(postgres: EmbeddedServer) -> AsyncIterator[str]:
    async with fresh_database(postgres, migrated=False) as fresh:
        yield fresh


@pytest.fixture
async def database(url: str) -> AsyncIterator[Connection]:
    """A connection to a database with the tables of the first revision."""
    connection = await asyncpg.connect(url, timeout=30, command_timeout=30)
    await connection.execute(BUILT)
    yield connection
    await connection.close(timeout=5)


Planning = Callable[..., Awaitable[Plan]]


@pytest.fixture
def planned(url: str, tmp_path: Path) -> Planning:
    """Plans what comes after the first revision."""

    async def planning(
        config: AlembicConfig, place: ScratchPlace | None = ScratchPlace.TARGET
    ) -> Plan:
        scratch = Scratch(home=tmp_path, place=place) if place else None
        return await make_plan(target(url), "heads", scratch=scratch, config=config)

    return planning


def target(url: str) -> DatabaseTarget:
    return parse_target(SecretStr(url), DatabaseSettings())


def statements(plan: Plan) -> list[dict[str, Any]]:
    body: dict[str, Any] = plan.to_dict()
    return [one for revision in body["pending"] for one in revision["statements"]]


async def test_a_statement_has_its_locks_its_work_its_size_and_its_hazards(
    database: Connection, planned: Planning, tmp_path: Path
) -> None:
    await database.execute(
        "INSERT INTO orders SELECT n, 'x' FROM generate_series(1, 500) n;"
        "ANALYZE orders; BEGIN; SELECT FROM orders LIMIT 1"
    )
    up = """
    op.execute("ALTER TABLE orders ALTER id TYPE integer")
    op.execute("ALTER TABLE lines ADD FOREIGN KEY (id) REFERENCES orders NOT VALID")
    """
    config = revisions(tmp_path / "m", BASE, up)

    plan = await planned(config)
    rewrite, key = statements(plan)

    blocker = rewrite["blockers"][0]
    assert blocker["pid"] == database.get_server_pid()
    assert blocker["lock"] == "ACCESS SHARE"
    assert blocker["state"] == "idle in transaction"
    del rewrite["blockers"]
    assert rewrite == {
        "sql": "ALTER TABLE orders ALTER id TYPE integer",
        "line": 12,
        "transaction": 1,
        "directive": None,
        "table": "orders",
        "lock": "ACCESS EXCLUSIVE",
        "also": [],
        "work": "rewrite",
        "size": {"bytes": rewrite["size"]["bytes"], "rows": 500},
        "duration": "instant",
        "cached_plans": "all",
        "reversibility": "lossy",
    }
    assert rewrite["size"]["bytes"] >= 8192
    assert (key["table"], key["lock"]) == ("lines", "SHARE ROW EXCLUSIVE")
    assert key["also"] == [{"table": "orders", "lock": "ACCESS EXCLUSIVE"}]
    assert plan.traced
    assert {"change-type", "two-tables-in-one-transaction"} <= {
        one.rule for one in plan.findings
    }
    shown = render(plan)
    assert f"in the way now: pid {database.get_server_pid()}" in shown
    assert shown.splitlines()[-1] == f"1 pending, plan {plan.hash}"


WAYS = {
    "index": ('op.create_index("ix", "orders", ["note"])', "reversible"),
    "column": (
        """
        op.add_column("orders", sa.Column("x", sa.Text()))
        op.execute("UPDATE orders SET x = note")
        """,
        "reversible-until-written",
    ),
    "widened": (
        'op.alter_column("orders", "name", type_=sa.Text())',
        "reversible-until-written",
    ),
    "update": ("op.execute(\"UPDATE orders SET note = 'x'\")", "lossy"),
    "hidden": ('op.execute("DO $$ BEGIN TRUNCATE orders; END $$")', "lossy"),
    "dropped": ('op.drop_column("orders", "note")', "lossy"),
}


async def test_a_revision_is_as_reversible_as_the_worst_of_its_statements(
    database: Connection, planned: Planning, tmp_path: Path
) -> None:
    assert database
    ups = [up for up, _ in WAYS.values()]
    back = 'op.execute("SELECT 1")'
    plan = await planned(revisions(tmp_path / "m", BASE, *ups, down=back))
    found = [one.way_back.kind for one in plan.revisions]
    assert found == [kind for _, kind in WAYS.values()]
    bare = await planned(revisions(tmp_path / "n", BASE, *ups), None)
    assert {one.way_back.kind for one in bare.revisions} == {"irreversible"}


OPAQUE = """
for row in op.get_bind().execute(sa.text("SELECT 'note'")):
    op.execute(f"ALTER TABLE orders DROP COLUMN {row[0]}")
"""


async def test_what_only_a_database_knows_is_seen_there_and_else_said_to_be_missing(
    database: Connection, planned: Planning, tmp_path: Path
) -> None:
    assert database
    config = revisions(tmp_path / "m", BASE, OPAQUE, down='op.execute("SELECT 1")')
    told = await planned(config, None)
    seen = await planned(config)
    assert not told.revisions[0].complete
    assert told.revisions[0].way_back.kind == "lossy"
    assert "these are not all" in render(told)
    assert seen.revisions[0].complete
    assert [one["lock"] for one in statements(seen)] == ["ACCESS EXCLUSIVE"]
    assert seen.hash == told.hash


async def test_without_a_trace_the_texts_tell(
    database: Connection, planned: Planning, tmp_path: Path
) -> None:
    assert database
    up = 'op.execute("CREATE INDEX CONCURRENTLY ix ON orders (note)")'
    plan = await planned(revisions(tmp_path / "m", BASE, up), None)
    (one,) = statements(plan)
    assert (one["table"], one["lock"], one["work"]) == (
        *("orders", "SHARE UPDATE EXCLUSIVE", "build"),
    )
    assert (plan.traced, plan.untraced_because, plan.findings) == (False, "", ())


async def test_what_fails_when_it_is_tried_is_still_planned_and_said(
    database: Connection, planned: Planning, tmp_path: Path
) -> None:
    assert database
    broken = 'op.execute("ALTER TABLE orders ADD x text")\nop.execute("DROP TABLE no")'
    plan = await planned(revisions(tmp_path / "m", BASE, broken, broken))
    assert [one.rule for one in plan.findings if one.severity == "error"] == [
        "fails-when-tried"
    ]
    assert [one["sql"] for one in statements(plan)][2:] == [
        *("ALTER TABLE orders ADD x text", "DROP TABLE no")
    ]


CHANGED = {
    "column": "ALTER TABLE lines ADD COLUMN x text",
    "default": "ALTER TABLE lines ALTER COLUMN order_id SET DEFAULT 1",
    "index": "CREATE INDEX ON lines (order_id)",
    "constraint": "ALTER TABLE lines ADD CHECK (order_id > 0)",
    "version": "UPDATE ops.alembic_version SET version_num = 'r2'",
    "enum": "CREATE TYPE mood AS ENUM ('calm')",
}
SAME = {
    "rows": "INSERT INTO lines VALUES (1, 1); ANALYZE lines",
    "unfinished index": "CREATE INDEX ix ON lines (order_id);"
    " UPDATE pg_index SET indisvalid = false WHERE indexrelid = 'ix'::regclass",
    "unchecked": "ALTER TABLE lines ADD CHECK (order_id > 0) NOT VALID",
    "path": "DO $$ BEGIN EXECUTE format("
    "'ALTER DATABASE %I SET search_path TO ops', current_database()); END $$",
}


async def test_the_hash_is_that_of_the_schema_and_the_revisions(
    database: Connection, planned: Planning, tmp_path: Path
) -> None:
    config = revisions(tmp_path / "m", BASE, "pass", 'op.execute("SELECT 1")')
    hashes = [(await planned(config, None)).hash]
    for statement in SAME.values():
        await database.execute(statement)
        assert (await planned(config, None)).hash == hashes[0], statement
    for statement in CHANGED.values():
        await database.execute(statement)
        hashes.append((await planned(config, None)).hash)
    assert len(set(hashes)) == len(CHANGED) + 1


SPOKEN_OTHERWISE = {
    "timezone": "Asia/Tokyo",
    "datestyle": "German",
    "intervalstyle": "iso_8601",
    "bytea_output": "escape",
    "quote_all_identifiers": "on",
    "extra_float_digits": "-5",
}


async def test_the_hash_does_not_depend_on_the_settings_of_who_asks(
    database: Connection,
) -> None:
    # The runner works in UTC; a plan is made by whatever the role has.
    await database.execute(
        "CREATE TABLE spoken (since timestamptz DEFAULT '2026-01-01 00:00+00',"
        " span interval DEFAULT '1 day 2 hours', mark bytea DEFAULT '\\x00ff',"
        " share float8 DEFAULT 0.1::float8 + 0.2)"
    )
    before = await schema_fingerprint(database)
    for name, value in SPOKEN_OTHERWISE.items():
        await database.execute("SELECT set_config($1, $2, false)", name, value)
        assert await schema_fingerprint(database) == before, name


async def test_a_schema_that_is_ahead_has_nothing_pending(
    database: Connection, planned: Planning, tmp_path: Path
) -> None:
    await database.execute("UPDATE ops.alembic_version SET version_num = 'r9'")
    plan = await planned(revisions(tmp_path / "m", BASE, "pass"))
    assert (plan.revisions, plan.applied, plan.traced) == ((), ("r9",), False)


@pytest.mark.full
async def test_five_hundred_revisions_are_planned_within_five_seconds(
    database: Connection, planned: Planning, tmp_path: Path
) -> None:
    assert database
    ups = [
        f'op.create_table("t{n}", sa.Column("id", sa.BigInteger, primary_key=True))\n'
        f'op.create_index("ix{n}", "t{n}", ["id"])\n'
        f'op.execute("ALTER TABLE orders ADD COLUMN x{n} text")'
        for n in range(500)
    ]
    config = revisions(tmp_path / "m", BASE, *ups)

    # Of our own processor: whatever else runs on this machine is not ours.
    began = time.process_time()
    plan = await planned(config, ScratchPlace.AUTO)

    assert time.process_time() - began < 5
    assert len(plan.revisions) == 500
    assert plan.untraced_because == f"more than {MOST_TRIED} revisions are pending"
