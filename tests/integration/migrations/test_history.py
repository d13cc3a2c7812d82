"""What is written down of runs, and what the command line makes of it."""

import json
from pathlib import Path
from textwrap import dedent, indent

import pytest

from app.backend.database.schema_heads import EXPAND_HEAD
from app.backend.migrations import migration_manager
from app.backend.migrations.running.history import KEPT
from app.errors import LocksDeniedError, MigrationError
from tests.support.busy_table import held_table
from tests.support.migrating import Revisions, connected, run, target_of
from tests.support.service import pm33

APPLICATIONS = """
import sqlalchemy as sa
from alembic import op

revision = "a1"
down_revision = None


def upgrade():
{body}
"""


@pytest.fixture
async def shop(database_url: str) -> str:
    async with connected(database_url) as connection:
        await connection.execute("create table shop (id bigint, name text)")
    return database_url


@pytest.fixture
def revisions(tmp_path: Path) -> Revisions:
    chain = Revisions(tmp_path / "versions")
    chain.add("9001_size", "op.add_column('shop', sa.Column('size', sa.Text()))")
    return chain


async def test_a_run_that_was_blocked_tells_who_blocked_it_and_how_often(
    shop: str, revisions: Revisions
) -> None:
    async with held_table(shop, 2.0):
        with pytest.raises(LocksDeniedError):
            await run(shop, revisions, budget=0.3, actor="alice")
    await run(shop, revisions, actor="bob")

    done, denied, *_ = await migration_manager.history(target_of(shop))
    assert (done.state, done.actor, denied.state, denied.actor) == (
        *("done", "bob"),
        *("failed", "alice"),
    )
    assert done.after == ("9001_size",)
    assert denied.error is not None
    assert denied.error["type"] == "LocksDeniedError"

    (denied,) = await migration_manager.history(target_of(shop), run=denied.run)
    assert denied.attempts
    assert {one.outcome for one in denied.attempts} == {"blocked"}
    assert {one.sqlstate for one in denied.attempts} == {"55P03"}
    assert any(one.blockers for one in denied.attempts)
    assert all(0.020 <= one.lock_timeout <= 0.2 for one in denied.attempts)
    assert not any("query" in b and b["query"] for b in denied.attempts[-1].blockers)
    (done,) = await migration_manager.history(target_of(shop), run=done.run)
    assert [step.statement for step in done.steps] == [
        "ALTER TABLE shop ADD COLUMN size TEXT"
    ]


async def test_values_are_neither_kept_nor_said(shop: str, tmp_path: Path) -> None:
    chain = Revisions(tmp_path / "versions")
    chain.add(
        "9001_rows",
        """
        op.execute("alter table shop add unique (id)")
        op.execute("insert into shop values (1, 'Ann Onymous')")
        op.execute("insert into shop values (1, 'Ann Onymous')")
        """,
    )
    with pytest.raises(MigrationError) as caught:
        await run(shop, chain)

    assert str(caught.value).startswith(
        "9001_rows failed: UniqueViolationError (23505)"
    )
    assert "insert into shop values (1, '…')" in str(caught.value)
    newest, *_ = await migration_manager.history(target_of(shop), limit=1)
    (kept,) = await migration_manager.history(target_of(shop), run=newest.run)
    assert kept.attempts[-1].statement == "insert into shop values (1, '…')"
    for said in (str(caught.value), str(kept)):
        assert "Onymous" not in said


FULL = pytest.mark.full


@pytest.mark.parametrize(
    ("body", "says"),
    [
        ("op.execute('alter table shop alter name type int using name::int')", "22P02"),
        pytest.param(
            "op.execute('alter table shop add unique (name)')", "23505", marks=FULL
        ),
        pytest.param(
            "op.execute('alter table shop add check (name > note)')",
            "23514",
            marks=FULL,
        ),
        pytest.param("op.execute('update shop set id = null')", "23502", marks=FULL),
        pytest.param(
            "op.safe_create_unique('u', 'shop', ['name'])", "23505", marks=FULL
        ),
        pytest.param(
            """
            rows = op.get_bind().execute(sa.text("select name from shop")).scalars()
            query = sa.text("select cast(:a as int)")
            op.get_bind().execute(query, {"a": rows.first()})
            """,
            "query argument",
            marks=FULL,
        ),
    ],
)
async def test_what_rows_hold_appears_nowhere(
    shop: str, tmp_path: Path, body: str, says: str
) -> None:
    async with connected(shop) as connection:
        await connection.execute(
            "alter table shop add note text, alter id set not null"
        )
        rows = "insert into shop values (1, 'Onymous', 'Onymous')"
        await connection.execute(f"{rows}, (2, 'Onymous', 'Onymous')")
    (tmp_path / "a1.py").write_text(APPLICATIONS.format(body=indent(dedent(body), " ")))

    done = await pm33(
        *("migrate", "up", "--verbose", "--json"),
        DATABASE_URL=shop,
        PM33_MIGRATIONS=tmp_path,
        LOG_LEVEL="DEBUG",
    )

    assert done.code == 1
    assert says in done.out, done.out
    runs = await migration_manager.history(target_of(shop))
    (run,) = await migration_manager.history(target_of(shop), run=runs[0].run)
    assert run.error is not None
    assert says in run.error["message"]
    for said in (done.out, done.err, json.dumps(run.to_dict())):
        assert "Onymous" not in said


async def test_a_connection_that_the_server_ends_is_no_fault_of_the_revision(
    shop: str, tmp_path: Path
) -> None:
    chain = Revisions(tmp_path / "versions")
    end = "do $$ begin perform pg_terminate_backend(pg_backend_pid()); end $$"
    chain.add("9001_ended", f"op.execute({end!r})")

    with pytest.raises(MigrationError) as caught:
        await run(shop, chain)

    assert "restarted" in caught.value.remedy
    assert "mend" not in caught.value.remedy


async def test_the_command_line_shows_runs_steps_and_tries(
    shop: str, revisions: Revisions
) -> None:
    await run(shop, revisions, actor="bob")

    listed = await pm33("migrate", "history", "--json", DATABASE_URL=shop)
    newest = json.loads(listed.out)[0]
    assert (newest["state"], newest["actor"]) == ("done", "bob")
    shown = await pm33("migrate", "history", newest["run"], DATABASE_URL=shop)
    assert "ADD COLUMN size" in shown.out
    unknown = await pm33("migrate", "history", "nothing", DATABASE_URL=shop)
    assert unknown.code == 2


async def test_what_was_left_behind_is_a_fault_until_it_is_mended(
    shop: str, revisions: Revisions
) -> None:
    body = """
        with op.get_context().autocommit_block():
            op.execute("alter table shop add column weight int")
        """
    revisions.write("9001_size", EXPAND_HEAD, body + "op.execute('no')")
    with pytest.raises(MigrationError):
        await run(shop, revisions)

    status = json.loads(
        (await pm33("migrate", "status", "--json", DATABASE_URL=shop)).out
    )
    assert status["half_applied"] == {"9001_size": 1}
    found = await pm33("migrate", "verify", DATABASE_URL=shop)
    assert found.code == 5
    assert "9001_size is half applied" in found.out

    revisions.write("9001_size", EXPAND_HEAD, body)
    await run(shop, revisions)
    found = await pm33("migrate", "verify", DATABASE_URL=shop)
    assert (found.code, found.out) == (0, "nothing is wrong\n")
    shown = await pm33("migrate", "status", DATABASE_URL=shop)
    assert shown.code == 0
    assert "the schema is ahead: at 9001_size" in shown.out


async def test_up_says_in_json_where_the_schema_is(database_url: str) -> None:
    done = await pm33("migrate", "up", "--json", DATABASE_URL=database_url)
    assert (done.code, json.loads(done.out)["position"]) == (0, "current")


async def test_the_newest_runs_are_kept_and_those_that_are_half_done(
    shop: str, revisions: Revisions
) -> None:
    old = """
        insert into ops.migration_run (run, kind, goal, actor, before, state,
                                       started_at, format)
        select 'old' || n, 'upgrade', 'x', 'x', '["0001"]', 'failed',
               now() - n * interval '1 day', 1
        from generate_series(1, 300) n;
        insert into ops.migration_step (run, revision, position, digest, statement,
                                        lock, open, at, format)
        select 'old' || n, 'r' || n, 1, 'x', 'x', 'none', n = 250, now(), 1
        from generate_series(1, 300) n;
        insert into ops.migration_attempt (run, revision, digest, statement, number,
            lock_timeout, seconds, outcome, blockers, at, format)
        select 'old' || n, 'r', 'x', 'x', 1, 1, 1, 'failed', '[]', now(), 1
        from generate_series(1, 300) n
    """
    async with connected(shop) as connection:
        await connection.execute(old)
        await run(shop, revisions)
        tables = ("migration_run", "migration_step", "migration_attempt")
        queries = (f"select distinct run from ops.{one}" for one in tables)  # noqa: S608 - names of ours
        kept = [{row[0] for row in await connection.fetch(one)} for one in queries]

    for one in kept:
        assert {"old1", "old198", "old250"} <= one
        assert not {"old201", "old249", "old300"} & one
    runs = await migration_manager.history(target_of(shop), limit=300)
    assert len(runs) == KEPT + 1
    # As they were written before the plan was.
    assert (runs[-1].run, runs[-1].before, runs[-1].source, runs[-1].plan) == (
        *("old250", ("0001",)),
        *("pm33", None),
    )
