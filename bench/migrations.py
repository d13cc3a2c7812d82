"""Measures migrations under load, and the linter: ``python -m bench.migrations``.

The raw output goes to ``bench/raw/migrations.json``, the tables into
``bench/migrations.md``. Needs the development environment, and no network.
"""

import argparse
import json
import sys
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from importlib.metadata import version
from typing import Any, Final

from app.errors import OpsError
from bench import _migration_linter, _migration_traffic
from bench._machine import Cores, machine
from bench._migration_table import render
from bench._page import commit, replace_tables
from bench._servers import ROOT

__all__ = ["main"]

RAW = ROOT / "bench" / "raw" / "migrations.json"
PAGE = ROOT / "bench" / "migrations.md"
_PACKAGES: Final = ("alembic", "sqlalchemy", "asyncpg", "squawk-cli")


def main(arguments: Sequence[str] | None = None) -> int:
    """Measures, keeps and shows; 0 when all could be measured."""
    given = _parser().parse_args(arguments)
    if given.render:
        replace_tables(PAGE, render(json.loads(RAW.read_text(encoding="utf-8"))))
        return 0
    try:
        raw = _measure(given)
    except OpsError as error:
        print(f"error: {error}\nremedy: {error.remedy}", file=sys.stderr)
        return error.exit_code
    print(render(raw))
    if not (given.dry or given.only):
        RAW.write_text(json.dumps(raw, indent=1) + "\n", encoding="utf-8")
        replace_tables(PAGE, render(raw))
    return 0


def _measure(given: argparse.Namespace) -> dict[str, Any]:
    traffic = ("rows", "rounds", "rate", "seed")
    linter = ("revisions",)
    sections: Mapping[str, Callable[[], dict[str, Any]]] = {
        "traffic": lambda: _migration_traffic.measure(**_chosen(given, traffic)),
        "linter": lambda: _migration_linter.measure(**_chosen(given, linter)),
    }
    about = {
        "date": datetime.now(UTC).date().isoformat(),
        "commit": commit(),
        "arguments": _chosen(given, (*traffic, *linter)),
        # Load, server and migration share the cores: nobody is pinned.
        "machine": machine(Cores(None, None)),
        "packages": {name: version(name) for name in _PACKAGES},
    }
    chosen = [given.only] if given.only else list(sections)
    return about | {name: sections[name]() for name in chosen}


def _chosen(given: argparse.Namespace, names: Sequence[str]) -> dict[str, Any]:
    return {name: getattr(given, name) for name in names}


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m bench.migrations",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--rows", type=int, default=2_000_000, help="of the table")
    parser.add_argument("--rounds", type=int, default=3, help="of each case each way")
    parser.add_argument("--rate", type=float, default=200.0, help="operations a second")
    parser.add_argument(
        "--seed", type=int, default=33, help="of the order, of the load"
    )
    parser.add_argument("--revisions", type=int, default=500, help="linted and planned")
    parser.add_argument(
        "--only",
        choices=["traffic", "linter"],
        help="measure this section, and keep nothing",
    )
    parser.add_argument("--dry", action="store_true", help="print, and keep nothing")
    parser.add_argument(
        "--render", action="store_true", help="the tables again, from the raw output"
    )
    return parser


if __name__ == "__main__":
    sys.exit(main())
