"""New revisions as the manager offers them; what it takes is imported when used."""

from typing import TYPE_CHECKING

from app.backend.database.target import DatabaseTarget
from app.backend.migrations.sources import Source, given_sources

if TYPE_CHECKING:
    from app.backend.migrations.writing.outcome import Written

__all__ = ["write_revisions"]


async def write_revisions(
    target: DatabaseTarget,
    message: str,
    *,
    source: Source | None = None,
    contract: bool = False,
    empty: bool = False,
) -> "Written":
    """Writes the revisions that bring the database to what the models say.

    Args:
        target: a database that is where the revisions are.
        message: what they are for.
        source: whose they are to be; None: the application's where it has some.
        contract: write what takes away, on the branch of that name.
        empty: compare nothing, and write one that does nothing.

    Raises:
        PreflightError: the database lacks revisions, which would be written again.
        ConfigError: nobody has said where the models are, or they cannot be imported.
        MigrationError: the database cannot be asked, or a file cannot be written.
    """
    from app.backend.migrations.writing.authoring import (  # noqa: PLC0415 - seldom
        write_revisions as write,
    )

    whose = source or given_sources(None)[-1]
    return await write(target, whose, message, contract=contract, empty=empty)
