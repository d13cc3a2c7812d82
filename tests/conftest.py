"""What every test may ask for."""

from collections.abc import AsyncIterator, Iterator

import pytest

from app.backend.database.embedded import EmbeddedServer
from tests.support.postgres import fresh_database, session_server


@pytest.fixture(scope="session")
def postgres() -> Iterator[EmbeddedServer]:
    with session_server() as server:
        yield server


@pytest.fixture
async def database_url(postgres: EmbeddedServer) -> AsyncIterator[str]:
    async with fresh_database(postgres) as url:
        yield url
