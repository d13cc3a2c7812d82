"""How many connections the server has room for, and how many others hold."""

import asyncio
from dataclasses import dataclass
from typing import Final

import asyncpg

from app.backend.database.target import DatabaseTarget

__all__ = ["Room", "read_room"]

# As the database check counts them (health/checks/database.py): a role that may not
# read others' statistics sees of their sessions only whose they are.
_ROOM: Final = """
select current_setting('max_connections')::int
           - current_setting('superuser_reserved_connections')::int as room,
       (select count(*) from pg_stat_activity
           where usesysid is not null and datid is not null
           and coalesce(backend_type, 'client backend') = 'client backend'
           and application_name not like 'pm33-%') as others
"""
_GOODBYE: Final = 1.0


@dataclass(frozen=True, slots=True)
class Room:
    """What there is.

    Attributes:
        max_connections: of the server, without those kept for superusers.
        others: connections that are not ours.
    """

    max_connections: int
    others: int


async def read_room(target: DatabaseTarget, *, deadline: float = 5.0) -> Room | None:
    """Asks the server once.

    Args:
        target: where it is.
        deadline: seconds for all of it.

    Returns:
        None: it did not answer in time, or refused.
    """
    arguments = target.connect_arguments("pm33-room")
    try:
        async with asyncio.timeout(deadline):
            connection = await asyncpg.connect(**arguments, timeout=deadline)
            try:
                found = await connection.fetchrow(_ROOM)
            finally:
                await connection.close(timeout=_GOODBYE)
    except (OSError, UnicodeError, asyncpg.PostgresError, asyncpg.InterfaceError):
        return None
    return Room(found["room"], found["others"]) if found else None
