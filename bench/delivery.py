"""Measures switches and rollbacks under load: ``python -m bench.delivery``.

The raw output goes to ``bench/raw/delivery.json``, the tables into
``bench/delivery.md``. Needs the development environment, and no network.
"""

import argparse
import json
import subprocess
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from app.backend.deploy.platforms.local.caddy import find_caddy
from app.errors import OpsError
from bench import _delivery_faults, _recovery, _switches
from bench._delivery_table import render
from bench._machine import Cores, machine
from bench._page import commit, replace_tables
from bench._servers import ROOT

__all__ = ["main"]

RAW = ROOT / "bench" / "raw" / "delivery.json"
PAGE = ROOT / "bench" / "delivery.md"
_EACH = ("each", "interval", "seed")


def main(arguments: Sequence[str] | None = None) -> int:
    """Measures, keeps and shows; 0 when all could be measured."""
    given = _parser().parse_args(arguments)
    if given.render:
        replace_tables(PAGE, render(json.loads(RAW.read_text(encoding="utf-8"))))
        return 0
    try:
        raw = _only_faults(given) if given.only else _measure(given)
    except OpsError as error:
        print(f"error: {error}\nremedy: {error.remedy}", file=sys.stderr)
        return error.exit_code
    print(render(raw))
    if not given.dry:
        RAW.write_text(json.dumps(raw, indent=1) + "\n", encoding="utf-8")
        replace_tables(PAGE, render(raw))
    return 0


def _measure(given: argparse.Namespace) -> dict[str, Any]:
    switching = ("switches", "naive", "rate")
    recovering = ("faults", "interval", "seed")
    version = subprocess.run(
        [find_caddy(), "version"], capture_output=True, text=True, check=True
    )
    return {
        "date": datetime.now(UTC).date().isoformat(),
        "commit": commit(),
        "arguments": _chosen(given, (*switching, *recovering)),
        # Clients, proxy and releases share the cores: nobody is pinned.
        "machine": machine(Cores(None, None)),
        "caddy": version.stdout.split()[0],
        "switches": _switches.measure(**_chosen(given, switching)),
        "recovery": _recovery.measure(**_chosen(given, recovering)),
        "faults": _delivery_faults.measure(**_chosen(given, _EACH)),
    }


def _only_faults(given: argparse.Namespace) -> dict[str, Any]:
    """The rest stays as it was measured; the section says when it was."""
    raw: dict[str, Any] = json.loads(RAW.read_text(encoding="utf-8"))
    return {**raw, "faults": _delivery_faults.measure(**_chosen(given, _EACH))}


def _chosen(given: argparse.Namespace, names: Sequence[str]) -> dict[str, Any]:
    return {name: getattr(given, name) for name in names}


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m bench.delivery",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--switches", type=int, default=100, help="of ours, each way")
    parser.add_argument("--naive", type=int, default=20, help="of others, each way")
    parser.add_argument("--rate", type=float, default=120.0, help="requests a second")
    parser.add_argument("--faults", type=int, default=30, help="rolled back")
    parser.add_argument(
        "--interval", type=float, default=1.0, help="seconds between rounds of probes"
    )
    parser.add_argument("--seed", type=int, default=33, help="of when a fault happens")
    parser.add_argument("--each", type=int, default=5, help="rolled back of each kind")
    parser.add_argument(
        "--only", choices=["faults"], help="measure this section, keep the others"
    )
    parser.add_argument("--dry", action="store_true", help="print, and keep nothing")
    parser.add_argument(
        "--render", action="store_true", help="the tables again, from the raw output"
    )
    return parser


if __name__ == "__main__":
    sys.exit(main())
