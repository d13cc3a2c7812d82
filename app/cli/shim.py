"""What stands behind ``scripts/``: finds an interpreter that has the dependencies.

Nothing but the standard library is imported before that is known.
"""

import importlib
import importlib.util
import os
import sys
from pathlib import Path
from typing import NoReturn

__all__ = ["run"]

_OWN = Path(__file__).resolve().parents[2] / ".venv"
_PYTHON = _OWN / "bin" / "python"
_NEEDED = ("click", "pydantic_settings", "asyncpg", "httpx", "alembic", "structlog")
_OLDEST = (3, 11)
_UNUSABLE = 78


def run(command: str, program: str) -> NoReturn:
    """Runs one command of the command line under the name of a script.

    An interpreter of a virtual environment is the user's choice and stays. Any other
    gives way to the project's own ``.venv``, where there is one that can be run.

    Args:
        command: where it is, as ``package.module:name``.
        program: how it is called in its help.
    """
    chosen = sys.prefix != sys.base_prefix
    if not (chosen and _usable()) and _is_another(_OWN) and os.access(_PYTHON, os.X_OK):
        os.execv(_PYTHON, [str(_PYTHON), *sys.orig_argv[1:]])  # noqa: S606 - no shell
    if not _usable():
        sys.stderr.write(
            f"error: {sys.executable} is older than Python 3.11, or lacks what the"
            " project needs\nremedy: `make setup` in the project, or"
            " `pip install -r requirements.txt` for this interpreter\n"
        )
        sys.exit(_UNUSABLE)
    from app.cli.main import main  # noqa: PLC0415 - imports click

    module, _, name = command.partition(":")
    main(command=getattr(importlib.import_module(module), name), program=program)


def _usable() -> bool:
    return sys.version_info >= _OLDEST and all(map(importlib.util.find_spec, _NEEDED))


def _is_another(environment: Path) -> bool:
    """Whether it is one at all, and not the one that runs this."""
    whole = (environment / "pyvenv.cfg").is_file()
    return whole and Path(sys.prefix).resolve() != environment.resolve()
