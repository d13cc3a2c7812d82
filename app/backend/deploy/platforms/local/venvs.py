"""Virtual environments of releases whose locks differ from the running ones."""

import asyncio
import hashlib
import os
import shutil
import sys
from collections.abc import Callable, Collection
from pathlib import Path
from typing import Final

from app.backend.deploy.platforms.local.commands import finished
from app.backend.deploy.platforms.local.removing import discard, remove
from app.backend.deploy.platforms.local.surroundings import (
    build_environment,
    own_programs,
)

__all__ = ["Venvs"]

_LOCKS: Final = "requirements.txt"
_WHOLE: Final = ".whole"
_TIMEOUT: Final = 900.0
_REMEDY: Final = f"look whether {_LOCKS} of the commit can be installed on this machine"
# The commands of this package, for a virtual environment that it is not installed in.
_SHIM: Final = """#!{python}
from app.cli.main import main

main()
"""


class Venvs:
    """Virtual environments by what their lock file asks for.

    Args:
        folder: takes one folder for each lock.
        own_locks: the lock file of the running environment.
    """

    def __init__(self, folder: Path, own_locks: Path) -> None:
        self._folder = folder
        self._own_locks = own_locks
        self._building = asyncio.Lock()

    def needed(self, checkout: Path) -> str | None:
        """The name of the environment that a checkout needs; None: the running one."""
        asked = _read(checkout / _LOCKS)
        if asked is None or asked == _read(self._own_locks):
            return None
        return hashlib.sha256(asked).hexdigest()[:16]

    async def programs(self, checkout: Path, say: Callable[[str], None]) -> Path:
        """The folder of a checkout's ``python`` and ``pm33``; made if it is missing.

        Raises:
            PlatformError: it could not be installed.
        """
        name = self.needed(checkout)
        if name is None:
            return own_programs()
        venv = self._folder / name
        async with self._building:
            if not (venv / _WHOLE).exists():
                say(f"[platform] installing {_LOCKS} into {venv}")
                await self._build(venv, checkout / _LOCKS)
        return venv / "bin"

    def prune(self, keep: Collection[str]) -> None:
        """Removes every environment whose name is not among ``keep``."""
        if self._folder.is_dir():
            for venv in self._folder.iterdir():
                if venv.name not in keep:
                    discard(venv)

    async def _build(self, venv: Path, locks: Path) -> None:
        await remove(venv)
        self._folder.mkdir(mode=0o700, exist_ok=True)
        python = venv / "bin" / "python"
        uv = shutil.which("uv", path=str(own_programs())) or shutil.which("uv")
        if uv is not None:
            make: tuple[str, ...] = (
                uv,
                "venv",
                "--quiet",
                "--python",
                sys.executable,
                str(venv),
            )
            install: tuple[str, ...] = (
                uv,
                "pip",
                "install",
                "--quiet",
                "--python",
                str(python),
            )
        else:
            make = (sys.executable, "-m", "venv", str(venv))
            install = (str(python), "-m", "pip", "install", "--quiet")
        env = build_environment(os.environ)
        for command in (make, (*install, "-r", str(locks))):
            await finished(command, env=env, timeout=_TIMEOUT, remedy=_REMEDY)
        shim = venv / "bin" / "pm33"
        shim.write_text(_SHIM.format(python=python), encoding="utf-8")
        shim.chmod(0o755)
        (venv / _WHOLE).touch()


def _read(path: Path) -> bytes | None:
    try:
        return path.read_bytes()
    except OSError:
        return None
