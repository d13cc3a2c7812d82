"""A plan whose run was killed amid a revision goes on by the same hash."""

import json
import signal
from pathlib import Path

import pytest

from app.backend.migrations import migration_manager
from app.backend.migrations.running.options import RunOptions
from app.backend.migrations.running.patience import Patience
from app.errors import LocksDeniedError, PreflightError
from tests.support.migrating import connected, target_of
from tests.support.processes import start
from tests.support.service import Finished, pm33, until
from tests.support.shop import Shop

# A build waits for whoever has an older snapshot.
HALF = """
    with op.get_context().autocommit_block():
        op.execute("alter table cake add column layers int")
        op.execute("create index concurrently ix_cake on cake (layers)")
        op.execute("alter table cake add column cream int")
"""
LAST = "    op.execute('alter table cake add column price int')"
FILE = '''"""{name}."""

from alembic import op

revision = {name!r}
down_revision = {follows!r}


def upgrade():
{body}


def downgrade():
    pass
'''
PATIENCE = 60.0


@pytest.fixture
async def url(database_url: str) -> str:
    async with connected(database_url) as connection:
        await connection.execute("create table cake (id int primary key)")
    return database_url


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "theirs"
    folder.mkdir()
    write(folder, "a1", None, "    op.execute('alter table cake add column size int')")
    write(folder, "a2", "a1", HALF)
    write(folder, "a3", "a2", LAST)
    return folder


def write(folder: Path, name: str, follows: str | None, body: str) -> None:
    text = FILE.format(name=name, follows=follows, body=body.strip("\n"))
    (folder / f"{name}.py").write_text(text, encoding="utf-8")


async def ask(url: str, folder: Path, *words: str, **more: str) -> Finished:
    return await pm33(
        "migrate", *words, DATABASE_URL=url, PM33_MIGRATIONS=folder, **more
    )


async def planned(url: str, folder: Path) -> str:
    plan = await ask(url, folder, "plan", "--no-trace", "--json")
    hash_: str = json.loads(plan.out)["hash"]
    return hash_


async def killed(url: str, folder: Path, output: Path, *words: str) -> None:
    """A run that is killed while it makes the index of the second revision."""
    ours = """
        select count(*) from pg_stat_activity
        where application_name like 'pm33-migrate:%' and datname = current_database()
    """
    waits = (
        f"{ours} and wait_event_type = 'Lock' and query ilike '%index concurrently%'"
    )
    command = ["-m", "app.cli", "migrate", "up", *words]
    env = {"DATABASE_URL": url, "PM33_MIGRATIONS": str(folder)}
    async with connected(url) as looking, connected(url) as other:
        with start(command, output=output, env=env) as child:
            async with other.transaction(isolation="repeatable_read"):
                await other.execute("select 1")
                await until(lambda: looking.fetchval(waits), PATIENCE)
                child.signal(signal.SIGKILL)
                await child.exit_code()

                async def gone() -> bool:
                    return not await looking.fetchval(ours)

                # From 14 on the server sees by itself that nobody is there any more.
                await until(gone, PATIENCE)


async def columns(url: str) -> list[str]:
    async with connected(url) as connection:
        rows = await connection.fetch(
            "select attname from pg_attribute where attnum > 1 and not attisdropped"
            " and attrelid = 'cake'::regclass order by attnum"
        )
    return [row[0] for row in rows]


async def test_a_plan_goes_on_after_a_kill_amid_a_revision(
    url: str, folder: Path, tmp_path: Path
) -> None:
    shop = Shop(folder, target_of(url))
    hash_ = await migration_manager.plan_hash(shop.target, sources=shop.sources)
    await killed(url, folder, tmp_path / "killed", "--plan", hash_)
    assert await columns(url) == ["size", "layers"]
    now = await migration_manager.plan_hash(shop.target, sources=shop.sources)
    assert now != hash_

    await migration_manager.upgrade(shop.target, plan=hash_, sources=shop.sources)

    assert await columns(url) == ["size", "layers", "cream", "price"]
    assert await migration_manager.verify(shop.target) == ()
    newest, lost, *_ = await migration_manager.history(shop.target)
    assert (newest.state, lost.state) == ("done", "lost")
    assert (newest.plan, lost.plan) == (hash_, hash_)
    assert (newest.source, lost.source) == ("app", "app")


@pytest.mark.full
async def test_it_goes_on_as_often_as_it_is_killed_and_from_a_deploy_too(
    url: str, folder: Path, tmp_path: Path
) -> None:
    hash_ = await planned(url, folder)
    await killed(url, folder, tmp_path / "killed", "--plan", hash_)
    await killed(url, folder, tmp_path / "again", "--plan", hash_)

    words = ("up", "--phase", "expand", "--plan-from-env")
    done = await ask(url, folder, *words, PM33_MIGRATION_PLAN=hash_)

    assert done.code == 0, done.err
    assert await columns(url) == ["size", "layers", "cream", "price"]


@pytest.mark.full
async def test_it_does_not_go_on_with_other_revisions(
    url: str, folder: Path, tmp_path: Path
) -> None:
    hash_ = await planned(url, folder)
    await killed(url, folder, tmp_path / "killed", "--plan", hash_)
    write(folder, "a3", "a2", LAST.replace("price", "cost"))

    refused = await ask(url, folder, "up", "--plan", hash_)

    assert refused.code == 5
    assert "no longer those of the plan; pending are a2, a3" in refused.err
    assert "PM33_MIGRATION_PLAN" not in refused.err
    # The remedy is one command, and true.
    assert "`pm33 migrate plan`" in refused.err
    done = await ask(url, folder, "up", "--plan", await planned(url, folder))
    assert done.code == 0, done.err
    assert await columns(url) == ["size", "layers", "cream", "cost"]


@pytest.mark.full
async def test_it_does_not_go_on_after_a_run_that_was_not_of_that_plan(
    url: str, folder: Path, tmp_path: Path
) -> None:
    hash_ = await planned(url, folder)
    await killed(url, folder, tmp_path / "killed", "--plan", hash_)
    await killed(url, folder, tmp_path / "without")

    assert (await ask(url, folder, "up", "--plan", hash_)).code == 5


@pytest.mark.full
async def test_a_run_that_left_nothing_is_no_leave_for_another_schema(
    url: str, folder: Path
) -> None:
    shop = Shop(folder, target_of(url))
    hash_ = await migration_manager.plan_hash(shop.target, sources=shop.sources)
    brief = RunOptions(patience=Patience(budget=0.2))

    async def carried_out() -> None:
        await migration_manager.upgrade(
            shop.target, plan=hash_, options=brief, sources=shop.sources
        )

    async with connected(url) as other, other.transaction():
        await other.execute("lock table cake in access share mode")
        with pytest.raises(LocksDeniedError):
            await carried_out()
    async with connected(url) as other:
        await other.execute("alter table cake add column by_hand int")

    with pytest.raises(PreflightError, match="no longer those of the plan"):
        await carried_out()

    assert await columns(url) == ["by_hand"]


@pytest.mark.full
async def test_a_plan_that_is_carried_out_has_nothing_more_to_do(
    url: str, folder: Path
) -> None:
    hash_ = await planned(url, folder)
    for _ in range(2):
        done = await ask(url, folder, "up", "--plan", hash_)
        assert done.code == 0, done.err
    runs = await migration_manager.history(target_of(url))
    assert [one.state for one in runs if one.plan == hash_] == ["done"]


@pytest.mark.full
async def test_a_plan_of_a_contract_revision_is_compared_and_carried_out(
    url: str, folder: Path
) -> None:
    target = target_of(url)
    (folder / "a2.py").unlink()
    (folder / "a3.py").unlink()
    assert (await ask(url, folder, "up")).code == 0
    write(folder, "c1", "a1", "    op.execute('alter table cake drop column size')")
    text = (folder / "c1.py").read_text()
    text = text.replace("= 'a1'", "= None\nbranch_labels = 'contract'")
    (folder / "c1.py").write_text(f"{text}\n\ndepends_on = 'a1'\n")
    words = ("plan", "--no-trace", "--json", "--to", "contract@head")
    plan = json.loads((await ask(url, folder, *words)).out)
    assert [one["id"] for one in plan["pending"]] == ["c1"]

    other = await ask(url, folder, "up", "--phase", "contract", "--plan", "0" * 64)
    assert (other.code, await columns(url)) == (5, ["size"])
    words = ("up", "--phase", "contract", "--plan", plan["hash"])
    done = await ask(url, folder, *words)

    assert done.code == 0, done.err
    assert await columns(url) == []
    newest, *_ = await migration_manager.history(target)
    assert newest.plan == plan["hash"]
