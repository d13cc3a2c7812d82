"""Where revisions come from: this project, and the application that it serves."""

import importlib
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from app.backend.config.environment import Config, get_config
from app.backend.database.revision_history import OURS as OUR_HISTORY
from app.backend.database.revision_history import (
    RevisionHistory,
    application_folder,
    histories_of,
)
from app.errors import ConfigError, TargetError

if TYPE_CHECKING:
    from sqlalchemy import MetaData

__all__ = [
    "HOME",
    "OURS",
    "Source",
    "given_sources",
    "load_metadata",
    "source_named",
    "sources_of",
]

HOME: Final = Path(__file__).resolve().parents[3] / "migrations"
"""The folder of Alembic's environment, which serves every source."""
_OUR_TABLES: Final = "app.backend.database.models:Base.metadata"


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """One line of revisions, with a version table of its own.

    Attributes:
        name: ``pm33`` or ``app``.
        folder: of its revision files.
        history: what this release carries of it, and where its version rows are.
        metadata: its tables, as ``package.module:object``; None: nobody has said.
    """

    name: str
    folder: Path
    history: RevisionHistory
    metadata: str | None


OURS: Final = Source(
    name=OUR_HISTORY.source,
    folder=HOME / "versions",
    history=OUR_HISTORY,
    metadata=_OUR_TABLES,
)


def sources_of(config: Config) -> tuple[Source, ...]:
    """Ours first, then the application's where ``PM33_MIGRATIONS`` names them.

    Raises:
        ConfigError: the application's cannot be read.
    """
    ours, *theirs = histories_of(config)
    folder = application_folder(config)
    if folder is None:
        return (OURS,)
    return (
        Source(
            name=ours.source,
            folder=OURS.folder,
            history=ours,
            metadata=OURS.metadata,
        ),
        *(
            Source(
                name=one.source,
                folder=folder.resolve(),
                history=one,
                metadata=config.migrations.metadata,
            )
            for one in theirs
        ),
    )


def given_sources(given: Sequence[Source] | None) -> Sequence[Source]:
    """Those that a caller has named; None: those that are configured.

    Raises:
        ConfigError: the application's cannot be read.
    """
    return sources_of(get_config()) if given is None else given


def source_named(sources: Iterable[Source], name: str | None) -> Source:
    """The one of that name; None: the application's where there is one, else ours.

    Raises:
        TargetError: there is none of that name.
    """
    known = {one.name: one for one in sources}
    if name is None:
        return list(known.values())[-1]
    if name not in known:
        raise TargetError(
            f"there are no revisions of {name}; known are {', '.join(known)}",
            remedy="set PM33_MIGRATIONS to the folder of the application's revisions",
        )
    return known[name]


def load_metadata(source: Source) -> "MetaData | Sequence[MetaData] | None":
    """Imports a source's tables; None where nobody has said where they are.

    Raises:
        ConfigError: they cannot be imported.
    """
    if source.metadata is None:
        return None
    module, _, name = source.metadata.strip().partition(":")
    here = str(Path.cwd())
    if here not in sys.path:  # a console script is not found where it is run
        sys.path.insert(0, here)
    try:
        found: Any = importlib.import_module(module)
        for part in name.split("."):
            found = getattr(found, part)
    except Exception as error:  # an application raises what it likes
        raise ConfigError(
            f"PM33_METADATA {source.metadata} cannot be imported:"
            f" {type(error).__name__}: {error}",
            remedy="name it as package.module:object, from where the command is run",
        ) from error
    # A declarative base stands for its tables.
    metadata: MetaData | Sequence[MetaData] = getattr(found, "metadata", found)
    return metadata
