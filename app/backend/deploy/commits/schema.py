"""Which revisions a commit would bring, told from its files and the version rows."""

from collections.abc import Iterable
from pathlib import PurePosixPath
from typing import Protocol

from app.backend.config.environment import Config
from app.backend.database.revision_files import (
    CONTRACT,
    Revision,
    branches,
    parse_revision,
    with_ancestors,
)
from app.backend.database.target import DatabaseTarget, parse_target
from app.backend.deploy.commits.repository import Repository
from app.backend.migrations import migration_manager
from app.errors import ConfigError, MigrationError

__all__ = [
    "CommittedSchema",
    "Revision",
    "SchemaReader",
    "parse_revision",
    "pending_revisions",
    "reachable_target",
]

FOLDER = "migrations/versions"


class SchemaReader(Protocol):
    """Tells what a commit's migrations would do."""

    async def pending(self, commit: str) -> tuple[Revision, ...] | None:
        """Expand revisions that the database lacks, oldest first; None: not known."""
        ...

    async def plan_hash(self) -> str:
        """What the release's pre-deploy command is allowed to apply.

        Raises:
            MigrationError, ConfigError: the database cannot be asked.
        """
        ...


class CommittedSchema:
    """Compares a commit's revision files with the rows of the database.

    Args:
        config: says which database.
        repository: holds the commit.
    """

    def __init__(self, config: Config, repository: Repository) -> None:
        self._config = config
        self._repository = repository

    async def pending(self, commit: str) -> tuple[Revision, ...] | None:
        """Expand revisions that the database lacks; None when it cannot be asked."""
        ours = await self._revisions(commit, FOLDER)
        theirs = await self._theirs(commit)
        if not (ours or theirs):
            return ()
        try:
            target = reachable_target(self._config)
            sources = migration_manager.sources_of(self._config)
            state = await migration_manager.schema_state(target, sources)
        except (ConfigError, MigrationError):
            return None
        pending = pending_revisions(ours, state.applied)
        for beside in state.beside:
            pending += pending_revisions(theirs, beside.applied)
        return pending

    async def _theirs(self, commit: str) -> list[Revision]:
        """The application's own, in the folder that is named from the root."""
        folder = self._config.migrations.folder
        if not folder or PurePosixPath(folder).is_absolute():
            return []
        versions = await self._revisions(commit, f"{PurePosixPath(folder)}/versions")
        return versions or await self._revisions(commit, str(PurePosixPath(folder)))

    async def _revisions(self, commit: str, folder: str) -> list[Revision]:
        files = await self._repository.files(commit, folder, ".py")
        parsed = (parse_revision(path, text) for path, text in files.items())
        return [revision for revision in parsed if revision is not None]

    async def plan_hash(self) -> str:
        """Of this checkout's revisions; a release with others refuses it."""
        target = reachable_target(self._config)
        sources = migration_manager.sources_of(self._config)
        return await migration_manager.plan_hash(target, sources=sources)


def reachable_target(config: Config) -> DatabaseTarget:
    """The environment's database as whoever deploys gets there.

    ``DATABASE_URL`` leads through a platform's private network, which only releases
    are in; ``DATABASE_PUBLIC_URL`` is the same database from outside.

    Raises:
        ConfigError: none is configured and no embedded server runs.
    """
    database = config.database
    public = database.public_url
    if public is None or database.migration_url or database.unpooled_url:
        return migration_manager.migration_target(config)
    return parse_target(public, database)


def pending_revisions(
    revisions: Iterable[Revision], applied: Iterable[str]
) -> tuple[Revision, ...]:
    """The expand revisions that are not applied, in an order that works. Pure.

    A row that the commit does not know was written by a newer release: the schema is
    ahead, and nothing is pending (as in ``database/schema_state.py``).
    """
    known = {revision.id: revision for revision in revisions}
    rows = set(applied)
    if rows - known.keys():
        return ()
    done = {one for row in rows for one in with_ancestors(row, known)}
    order: dict[str, None] = {}
    for identifier in sorted(known):
        if CONTRACT not in branches(identifier, known):
            order |= dict.fromkeys(with_ancestors(identifier, known))
    return tuple(known[one] for one in order if one not in done)
