"""What the linter finds of the catalogue, beside squawk alone; and how fast it is."""

import asyncio
import json
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from app.backend.migrations.analysis.migration import of_sql
from app.backend.migrations.analysis.squawk import Squawk
from app.errors import OpsError
from bench._migration_cases import release
from bench._migration_database import databases
from bench._migration_process import run_python
from bench._progress import say
from bench._servers import ROOT
from tests.support.migration_cases import CASES, Case

__all__ = ["measure"]

_LINT: Final = ("app.cli", "migrate", "lint")
_PLAN: Final = ("app.cli", "migrate", "plan")
_FOUND: Final = 1
_UNSAFE: Final = frozenset({"error", "warning"})
_TIMES: Final = 3
_BODY: Final = """
    op.create_table("t{n}", sa.Column("id", sa.BigInteger(), primary_key=True))
    op.add_column("users", sa.Column("c{n}", sa.Text()))
    op.create_index("i{n}", "users", ["c{n}"])
"""


def measure(*, revisions: int) -> dict[str, Any]:
    """Lints the labelled cases, and times a chain of so many revisions.

    Raises:
        OpsError: there is no squawk, or a command failed.
    """
    return asyncio.run(_measure(revisions))


async def _measure(revisions: int) -> dict[str, Any]:
    say(f"linter: {len(CASES)} cases")
    with tempfile.TemporaryDirectory(prefix="pm33-bench-") as folder:
        files = {_write(Path(folder), n, one): one for n, one in enumerate(CASES)}
        opinions = {
            "pm33 migrate lint": await _ours(files),
            "squawk alone": _squawk(files),
        }
        return {
            "cases": {who: _score(flagged) for who, flagged in opinions.items()},
            "speed": await _speed(Path(folder) / "release", revisions),
        }


def _write(folder: Path, number: int, case: Case) -> Path:
    path = folder / f"{number:03}.sql"
    path.write_text(case.sql, encoding="utf-8")
    return path


async def _ours(files: Mapping[Path, Case]) -> dict[Case, bool]:
    named = [word for path in files for word in ("--sql", str(path))]
    told = await run_python((*_LINT, "--json", *named), ROOT, {}, expected=(0, _FOUND))
    flagged = {
        Path(one["file"]).name for one in json.loads(told) if one["severity"] in _UNSAFE
    }
    return {case: path.name in flagged for path, case in files.items()}


def _squawk(files: Mapping[Path, Case]) -> dict[Case, bool]:
    """Its style and timeout rules are off, as they are in our own linter."""
    squawk = Squawk.find()
    if squawk is None:
        raise OpsError("there is no squawk", remedy="run make setup")
    opinions = squawk.opinions([of_sql(path) for path in files])
    return {
        case: bool(said) for case, said in zip(files.values(), opinions, strict=True)
    }


def _score(flagged: Mapping[Case, bool]) -> dict[str, Any]:
    return {
        "unsafe": sum(case.unsafe for case in flagged),
        "safe": sum(not case.unsafe for case in flagged),
        "rows": len({case.row for case in flagged if case.unsafe}),
        "missed": _named(flagged, unsafe=True),
        "false": _named(flagged, unsafe=False),
    }


def _named(flagged: Mapping[Case, bool], *, unsafe: bool) -> list[str]:
    """Those that are judged otherwise than their label says, by row and name."""
    return [
        f"{case.row}: {case.name}"
        for case, is_flagged in flagged.items()
        if case.unsafe is unsafe and is_flagged is not unsafe
    ]


async def _speed(folder: Path, revisions: int) -> dict[str, Any]:
    chain = {f"r{n:04}": _BODY.format(n=n) for n in range(revisions)}
    release(folder, chain)
    async with databases() as several, several.empty("chain") as url:
        variables = {"DATABASE_URL": url, "PM33_HOME": str(folder / "home")}
        await run_python(("app.cli", "migrate", "up"), ROOT, variables)
        commands = {
            "pm33 migrate lint": (_LINT, {}),
            "pm33 migrate plan": (_PLAN, variables),
        }
        seconds = {
            name: await _timed(name, command, folder, given)
            for name, (command, given) in commands.items()
        }
    return {"revisions": revisions, "seconds": seconds}


async def _timed(
    name: str, command: Sequence[str], folder: Path, variables: Mapping[str, str]
) -> list[float]:
    took = []
    for number in range(_TIMES):
        say(f"{name}: {number + 1} of {_TIMES}")
        began = time.perf_counter()
        await run_python((*command, "--json"), folder, variables, expected=(0, _FOUND))
        took.append(round(time.perf_counter() - began, 2))
    return took
