"""What every test may ask for."""

import logging
from collections.abc import AsyncIterator, Iterator

import pytest

from app.backend.database.embedded import EmbeddedServer
from tests.support.postgres import fresh_database, session_server


@pytest.fixture(autouse=True)
def own_logger() -> Iterator[None]:
    """install() gives our logger a handler, which the process keeps."""
    own = logging.getLogger("pm33")
    kept = (list(own.handlers), own.level, own.propagate)
    yield
    own.handlers[:], own.propagate = kept[0], kept[2]
    own.setLevel(kept[1])


@pytest.fixture(scope="session")
def postgres() -> Iterator[EmbeddedServer]:
    with session_server() as server:
        yield server


@pytest.fixture
async def database_url(postgres: EmbeddedServer) -> AsyncIterator[str]:
    async with fresh_database(postgres) as url:
        yield url
