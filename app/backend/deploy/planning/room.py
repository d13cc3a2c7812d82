"""Whether the database has room for two releases at once."""

from collections.abc import Mapping
from typing import Final

from app.backend.config.environment import Config
from app.backend.config.settings import DatabaseSettings
from app.backend.database.budget import ConnectionBudget
from app.backend.database.room import Room, read_room
from app.backend.deploy.commits.schema import reachable_target
from app.backend.deploy.planning.findings import Finding, Severity
from app.backend.deploy.platforms.base import ServiceSettings
from app.errors import ConfigError

__all__ = ["CODE", "of_connections", "room_of"]

CODE: Final = "connection_budget"
_POOL: Final = "DB_POOL_SIZE"
_DEFAULT: Final[int] = DatabaseSettings.model_fields["pool_size"].default


async def room_of(config: Config) -> Room | None:
    """What the environment's database has; None: it cannot be asked from here."""
    try:
        return await read_room(reachable_target(config))
    except ConfigError:
        return None


def of_connections(
    settings: ServiceSettings,
    given: Mapping[str, str | None] | None,
    room: Room | None,
) -> list[Finding]:
    """Says so when old and new replicas together want more than there is. Pure.

    Args:
        settings: how the commit is run.
        given: the variables of the next deployment; None: nobody can tell.
        room: of the database; None: nobody can tell.
    """
    pool = _pool_size(given)
    if room is None or pool is None:
        return []
    budget = ConnectionBudget(
        pool_size=pool,
        replicas=settings.replicas,
        max_connections=room.max_connections,
        others=room.others,
    )
    if budget.fits:
        return []
    text = (
        f"old and new release together open up to {budget.needed} connections to the"
        f" database, which has room for {max(budget.available, 0)}: some would be"
        " refused while both run"
    )
    remedy = f"lower {_POOL} or the number of replicas, or raise max_connections"
    return [Finding(Severity.WARNING, text, remedy, CODE)]


def _pool_size(given: Mapping[str, str | None] | None) -> int | None:
    """None: it is sealed, or no number, which a rule of its own tells."""
    if given is None:
        return None
    text = given.get(_POOL, str(_DEFAULT))
    return int(text) if text and text.strip().isdecimal() else None
