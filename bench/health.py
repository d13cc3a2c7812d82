"""Measures the health endpoints beside their peers: ``python -m bench.health``.

One run, everything interleaved; the raw output goes to ``bench/raw/health.json``, the
tables into ``bench/README.md``. Needs the development environment, and PyPI the first
time, for the peers' own environments.
"""

import argparse
import json
import random
import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final

from app.errors import OpsError
from bench import _behaviour, _inprocess, _loop, _startup, _throughput
from bench._machine import Cores, machine, pick_cores
from bench._servers import ROOT
from bench._subjects import install
from bench._tables import render

__all__ = ["main"]

RAW = ROOT / "bench" / "raw" / "health.json"
README = ROOT / "bench" / "README.md"
BEGIN, END = "<!-- tables: begin -->", "<!-- tables: end -->"

Section = Callable[[argparse.Namespace, Cores, random.Random], dict[str, Any]]

_SECTIONS: Final[Mapping[str, Section]] = {
    "inprocess": lambda given, cores, order: _inprocess.measure(
        rounds=given.rounds, cores=cores, order=order
    ),
    "throughput": lambda given, cores, order: _throughput.measure(
        rounds=given.rounds, seconds=given.seconds, cores=cores, order=order
    ),
    "startup": lambda given, cores, order: _startup.measure(
        starts=given.starts, cores=cores, order=order
    ),
    "loop": lambda given, cores, _order: _loop.measure(
        rounds=given.rounds, cores=cores
    ),
    "behaviour": lambda _given, _cores, _order: _behaviour.measure(),
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the sections that were asked for; 0 when all could be measured."""
    given = _parser().parse_args(arguments)
    if given.render:
        _write(json.loads(RAW.read_text()))
        return 0
    sections = given.only or list(_SECTIONS)
    try:
        raw = _measure(given, sections)
    except OpsError as error:
        print(f"error: {error}\nremedy: {error.remedy}", file=sys.stderr)
        return error.exit_code
    print(render(raw))
    # Tables of several runs side by side would be no comparison.
    if len(sections) == len(_SECTIONS):
        RAW.parent.mkdir(exist_ok=True)
        RAW.write_text(json.dumps(raw, indent=1) + "\n")
        _write(raw)
    return 0


def _measure(given: argparse.Namespace, sections: Sequence[str]) -> dict[str, Any]:
    cores, order = pick_cores(), random.Random(given.seed)  # noqa: S311 - an order
    raw: dict[str, Any] = {
        "date": datetime.now(UTC).date().isoformat(),
        "commit": _commit(),
        "arguments": {
            name: getattr(given, name)
            for name in ("rounds", "seconds", "starts", "seed")
        },
        "machine": machine(cores),
        "peers": install() if {"throughput", "behaviour"} & {*sections} else {},
    }
    for name in sections:
        raw[name] = _SECTIONS[name](given, cores, order)
    return raw


def _commit() -> str:
    """What is checked out; ``+`` for changes that are not committed."""
    git = shutil.which("git")
    if git is None:
        return "unknown"
    command = [
        *(git, "--no-optional-locks", "-C", str(ROOT)),
        *("describe", "--always", "--dirty=+", "--match="),
    ]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return done.stdout.strip() or "unknown"


def _write(raw: Mapping[str, Any]) -> None:
    """Replaces the tables between the two marks."""
    before, _, rest = README.read_text().partition(BEGIN)
    _, _, after = rest.partition(END)
    README.write_text(f"{before}{BEGIN}\n\n{render(raw)}\n{END}{after}")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m bench.health",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--rounds", type=int, default=6)
    parser.add_argument("--seconds", type=float, default=1.0, help="of each window")
    parser.add_argument("--starts", type=int, default=10)
    parser.add_argument("--seed", type=int, default=33, help="of the order")
    parser.add_argument(
        "--only",
        action="append",
        choices=tuple(_SECTIONS),
        help="one section, printed and not kept; may be repeated",
    )
    parser.add_argument(
        "--render", action="store_true", help="the tables again, from the raw output"
    )
    return parser


if __name__ == "__main__":
    sys.exit(main())
