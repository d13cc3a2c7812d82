"""The files of revisions, loaded by Alembic."""

import traceback
from pathlib import Path
from typing import TYPE_CHECKING

from app.errors import UnreadableMigrationError

if TYPE_CHECKING:
    from alembic.config import Config as AlembicConfig
    from alembic.script import ScriptDirectory

__all__ = ["loaded", "scripts_of"]


def scripts_of(config: "AlembicConfig") -> "ScriptDirectory":
    """All revisions that a configuration is about.

    Raises:
        UnreadableMigrationError: a file is no revision, or follows one that is not
            there.
    """
    from alembic.script import ScriptDirectory  # noqa: PLC0415 - 0.5 s

    return loaded(ScriptDirectory.from_config(config))


def loaded(scripts: "ScriptDirectory") -> "ScriptDirectory":
    """The same, once its files have been read.

    Raises:
        UnreadableMigrationError: as :func:`scripts_of`.
    """
    try:
        scripts.get_heads()
    except Exception as error:  # the files are anybody's Python
        raise UnreadableMigrationError(
            f"the revisions cannot be loaded: {_where(error, scripts)}"
            f"{type(error).__name__}: {error}",
            remedy="mend the file; `pm33 migrate lint` loads them, too",
        ) from error
    return scripts


def _where(error: Exception, scripts: "ScriptDirectory") -> str:
    """File and line of a revision, where one is at fault."""
    if isinstance(error, SyntaxError):
        return ""  # says it by itself
    folders = {str(Path(one).resolve()) for one in scripts.version_locations or ()}
    folders.add(str(Path(scripts.versions).resolve()))
    for frame in reversed(traceback.extract_tb(error.__traceback__)):
        path = Path(frame.filename)
        if str(path.parent.resolve()) in folders:
            return f"{path.name}:{frame.lineno}: "
    return ""
