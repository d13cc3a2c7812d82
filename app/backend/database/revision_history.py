"""What a release carries of revisions: ours, and those of the application.

Ours are a generated constant. The application's are read from the heads of their files
when a service starts, so that there is nothing to generate, and nothing to forget.
"""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from app.backend.config.environment import Config
from app.backend.database.revision_files import (
    Revision,
    expand_heads,
    read_revisions,
    with_descendants,
)
from app.backend.database.schema_heads import ARRIVED, EXPAND_HEAD, REVISIONS
from app.errors import ConfigError

__all__ = [
    "APPLICATION",
    "OURS",
    "RevisionHistory",
    "application_folder",
    "histories_of",
    "history_of",
]

APPLICATION: Final = "app"
"""What the application's revisions are called as a source; ours are ``pm33``."""
_PUBLIC: Final = "public"


@dataclass(frozen=True, slots=True, kw_only=True)
class RevisionHistory:
    """The revisions of one source, as this release knows them.

    Attributes:
        source: its name.
        schema: of the version table.
        table: the version table.
        needed: the revision that this release cannot do without; empty: none.
        known: every revision that it carries.
        arrived: rows that say that ``needed`` is applied: itself, and whatever comes
            after it, or depends on it and has taken its place.
        beside: revisions of other sources, which a floor may name.
    """

    source: str
    schema: str
    table: str
    needed: str
    known: tuple[str, ...]
    arrived: tuple[str, ...]
    beside: tuple[str, ...] = ()


OURS: Final = RevisionHistory(
    source="pm33",
    schema="ops",
    table="alembic_version",
    needed=EXPAND_HEAD,
    known=REVISIONS,
    arrived=ARRIVED,
)


def histories_of(config: Config) -> tuple[RevisionHistory, ...]:
    """Ours first, then the application's where ``PM33_MIGRATIONS`` names them.

    Raises:
        ConfigError: they cannot be read, or have two ends, or an id of ours.
    """
    folder = application_folder(config)
    if folder is None:
        return (OURS,)
    schema, _, table = config.migrations.version_table.rpartition(".")
    if (schema, table) == (OURS.schema, OURS.table):
        raise ConfigError(
            f"PM33_VERSION_TABLE is {schema}.{table}, where our own revisions are kept",
            remedy="name the application's own table; public.alembic_version is usual",
        )
    try:
        known = read_revisions(folder)
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(
            f"the revisions of PM33_MIGRATIONS cannot be read: {error}",
            remedy="see whether the image has that folder, and may read it",
        ) from error
    theirs = history_of(known, schema=schema or _PUBLIC, table=table)
    twice = sorted(set(theirs.known) & set(OURS.known))
    if twice:
        raise ConfigError(
            f"PM33_MIGRATIONS has revisions that are called as ours: {twice[0]}",
            remedy="give them ids of their own",
        )
    return (replace(OURS, beside=theirs.known), replace(theirs, beside=OURS.known))


def history_of(
    known: dict[str, Revision], *, schema: str, table: str
) -> RevisionHistory:
    """The application's, from its files. Pure.

    Raises:
        ConfigError: two revisions that nothing follows, so that none is the head.
    """
    heads = expand_heads(known)
    if len(heads) > 1:
        raise ConfigError(
            f"the revisions of PM33_MIGRATIONS have {len(heads)} heads:"
            f" {', '.join(heads)}",
            remedy="have one follow the other, by the down_revision of the first that"
            " came apart (or `alembic merge`); or label what contracts `contract`",
        )
    needed = heads[0] if heads else ""
    return RevisionHistory(
        source=APPLICATION,
        schema=schema,
        table=table,
        needed=needed,
        known=tuple(known),
        arrived=tuple(with_descendants(needed, known)),
    )


def application_folder(config: Config) -> Path | None:
    """Where the application's revision files are; None: it has none of its own.

    Raises:
        ConfigError: the folder is not there, or a project's without revisions.
    """
    if not config.migrations.folder:
        return None
    folder = Path(config.migrations.folder)
    if not folder.is_dir():
        raise ConfigError(
            f"PM33_MIGRATIONS names no folder: {folder.absolute()}",
            remedy="make it (`mkdir -p`), or name the folder of the revisions, from"
            " where the service starts",
        )
    versions = folder / "versions"
    if versions.is_dir():
        return versions
    if (folder / "env.py").exists():
        raise ConfigError(
            f"PM33_MIGRATIONS is a project of Alembic's without {versions.absolute()}",
            remedy="put the revisions there; beside env.py, Alembic takes that for one",
        )
    return folder
