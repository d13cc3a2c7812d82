from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from alembic.script import ScriptDirectory
from pydantic import SecretStr

from app.backend.config.settings import DatabaseSettings
from app.backend.database.embedded import EmbeddedServer, Places, start
from app.backend.database.target import DatabaseTarget, parse_target
from app.backend.migrations.analysis.scratch import ScratchPlace
from app.backend.migrations.analysis.static import static_findings
from app.backend.migrations.analysis.trace import trace
from app.backend.migrations.analysis.trying import Trying, try_revisions
from tests.support.lock_catalogue import CASES, TABLES
from tests.support.postgres import fresh_database, open_home
from tests.support.revision_chain import outside, revisions, sends


@pytest.fixture
async def scratch(postgres: EmbeddedServer) -> AsyncIterator[DatabaseTarget]:
    async with fresh_database(postgres, migrated=False) as url:
        yield parse_target(SecretStr(url), DatabaseSettings())


async def unlike_the_catalogue(scratch: DatabaseTarget, folder: Path) -> list[str]:
    """The cases that the server's locks and work differ from."""
    made = [
        line.format(n=n)
        for n in range(len(CASES))
        for line in TABLES.strip().split(";\n")
    ]
    ups = []
    for n, case in enumerate(CASES):
        statement = case.sql.format(n=n)
        alone = "CONCURRENTLY" in statement or "VACUUM" in statement
        ups.append(outside(statement) if alone else sends(statement))
    config = revisions(folder / "m", sends(*made), *ups)

    found = await trace(scratch, config, applied=["r1"], destination="heads")

    seen = {int(one.statement.revision[1:]) - 2: one for one in found}
    return [
        f"{case.sql}: {seen.get(n)}"
        for n, case in enumerate(CASES)
        if n not in seen
        or seen[n].error is not None
        or seen[n].work is not case.work
        or {(one.table.rstrip("0123456789"), one.lock) for one in seen[n].locks}
        != set(case.locks)
    ]


async def test_every_row_of_the_catalogue_is_seen_as_it_was_measured(
    tmp_path: Path, scratch: DatabaseTarget
) -> None:
    assert await unlike_the_catalogue(scratch, tmp_path) == []


@pytest.mark.full
async def test_it_is_the_same_on_the_server_of_the_wheel(tmp_path: Path) -> None:
    with open_home() as home:
        places = Places(scratch=home)
        server = await start(home, source="wheel", durable=False, places=places)
        try:
            own = parse_target(SecretStr(server.url), DatabaseSettings())
            assert await unlike_the_catalogue(own, tmp_path) == []
        finally:
            await server.stop()


async def test_the_linter_says_what_only_a_trace_sees_and_nothing_twice(
    postgres: EmbeddedServer, tmp_path: Path
) -> None:
    dynamic = "DO $$ BEGIN EXECUTE 'ALTER TABLE orders ALTER id TYPE {}'; END $$"
    found = sends(dynamic.format("numeric"))
    allowed = sends(dynamic.format("text"))
    allowed = f"# pm33: allow change-type because nobody uses it yet\n{allowed}"
    index = sends("CREATE INDEX ON orders (price)")
    base = sends("CREATE TABLE orders (id bigint PRIMARY KEY, price integer)")
    config = revisions(tmp_path / "m", base, found, allowed, index)
    target = parse_target(SecretStr(postgres.url), DatabaseSettings())
    where = Trying(target=target, home=tmp_path, place=ScratchPlace.TARGET)

    tried = await try_revisions(where, config)
    scripts = ScriptDirectory.from_config(config)
    told, _ = static_findings(["r2", "r3", "r4"], [], scripts, tried=tried)
    told = tuple(one for one in told if one.rule != "downgrade-missing")

    assert sorted((Path(one.file).name, one.rule) for one in told) == [
        ("r2.py", "change-type"),
        ("r2.py", "dynamic-sql"),
        ("r3.py", "dynamic-sql"),
        ("r4.py", "create-index"),
    ]
