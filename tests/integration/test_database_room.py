"""What the database has room for, asked of a real one."""

import asyncpg
from pydantic import SecretStr

from app.backend.config.settings import DatabaseSettings
from app.backend.database.room import read_room
from app.backend.database.target import parse_target


async def test_only_the_connections_of_others_are_counted(database_url: str) -> None:
    target = parse_target(SecretStr(database_url), DatabaseSettings())
    ours = await asyncpg.connect(**target.connect_arguments("pm33-a-test"))
    other = await asyncpg.connect(**target.connect_arguments("somebody"))
    try:
        found = await read_room(target)
    finally:
        await ours.close()
        await other.close()
    assert found
    assert 1 <= found.others < found.max_connections


async def test_a_server_that_does_not_answer_has_told_nothing() -> None:
    url = SecretStr("postgresql://nobody@127.0.0.1:1/none")
    assert await read_room(parse_target(url, DatabaseSettings())) is None
