"""The raw output as Markdown tables; nothing here measures."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from bench._behaviour_table import behaviour
from bench._loop import ALL, HANGS
from bench._startup import WITH_DEPENDENCIES, WITH_VENDORS
from bench._subjects import FASTAPI, SERVICE

__all__ = ["render", "table"]

Raw = Mapping[str, Any]

# Requests per CPU second against bare ASGI; microseconds in process; the rest by name.
LEAST_RATIO = 0.9
AIMED_RATIO = 0.95
FLAT = 0.2
MOST_EXTRA_START = 0.5
MOST_RSS, AIMED_RSS = 90.0, 80.0
MOST_COMMAND = 0.4
MOST_FOR_VENDORS = 15.0
MOST_HELD, MOST_GAP = 20.0, 1.5


def render(raw: Raw) -> str:
    """Every table that the raw output has the figures for."""
    parts = [_about(raw)]
    writers = {
        "throughput": _throughput,
        "inprocess": _inprocess,
        "startup": _startup,
        "loop": _loop,
        "behaviour": behaviour,
    }
    found = {name: write for name, write in writers.items() if name in raw}
    targets = [line for name in found for line in _targets(name, raw[name])]
    if targets:
        head = ("figure", "measured", "target", "")
        parts.append("### Targets\n\n" + table(head, targets))
    parts += [write(raw[name]) for name, write in found.items()]
    return "\n\n".join(parts) + "\n"


def table(head: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """A Markdown table."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(map(str, line))} |" for line in lines)


def _about(raw: Raw) -> str:
    machine = raw["machine"]
    said = " ".join(f"--{name} {value}" for name, value in raw["arguments"].items())
    load = ", ".join(f"{one:.2f}" for one in machine["load_before"])
    peers = {name: v for venv in raw["peers"].values() for name, v in venv.items()}
    lines = [
        f"Measured on {raw['date']} at commit {raw['commit']}, with `{said}`:",
        "",
        f"- {machine['cpu']}, {machine['cores']} cores, {machine['memory_gb']} GB",
        f"- {machine['system']}; load averages before the run: {load}",
        f"- {_where(machine['pinned'])}",
        f"- Python {machine['python']}, {_versions(machine['packages'])}",
    ]
    if peers:
        lines.append(f"- peers: {_versions(peers)}")
    return "\n".join(lines)


def _where(pinned: Mapping[str, int | None]) -> str:
    if pinned["server"] is None:
        return "not pinned"
    return f"servers on core {pinned['server']}, clients on core {pinned['client']}"


def _versions(packages: Mapping[str, str]) -> str:
    return ", ".join(f"{name} {version}" for name, version in sorted(packages.items()))


def _targets(section: str, raw: Raw) -> list[tuple[str, str, str, str]]:
    match section:
        case "throughput":
            return [
                _target(
                    f"{name}, share of bare ASGI's requests per CPU-second",
                    f"{row['ratio']:.2f}",
                    f"≥ {LEAST_RATIO}, aim {AIMED_RATIO}",
                    met=row["ratio"] >= LEAST_RATIO,
                )
                for name, row in raw["summary"].items()
                if name.startswith(SERVICE.name)
            ]
        case "inprocess":
            return _inprocess_targets(raw["summary"])
        case "startup":
            return _startup_targets(raw)
        case "loop":
            return _loop_targets(raw["summary"])
        case _:
            return []


def _target(
    figure: str, measured: str, target: str, *, met: bool
) -> tuple[str, str, str, str]:
    return figure, measured, target, "met" if met else "**missed**"


def _inprocess_targets(summary: Raw) -> list[tuple[str, str, str, str]]:
    found = []
    for path in ("/api/health", "/api/health/detailed"):
        edge = {n: row["calls"][f"edge {path}"]["median"] for n, row in summary.items()}
        bare = {n: row["calls"][f"bare {path}"]["median"] for n, row in summary.items()}
        worst = max(edge, key=lambda count: edge[count] - _limit(bare[count]))
        spread = max(abs(time / edge["0"] - 1) for time in edge.values())
        found += [
            _target(
                f"{path} in process",
                f"{edge[worst]:.2f} µs",
                f"≤ 2 bare + 1 = {_limit(bare[worst]):.2f} µs",
                met=edge[worst] <= _limit(bare[worst]),
            ),
            _target(
                f"{path}, from 0 to 500 own checks",
                f"± {spread:.0%}",
                f"± {FLAT:.0%}",
                met=spread <= FLAT,
            ),
        ]
    return found


def _startup_targets(raw: Raw) -> list[tuple[str, str, str, str]]:
    found = [
        _target(
            "start to the first 200, beyond bare FastAPI's",
            f"{raw['start_extra_s']:.2f} s",
            f"≤ {MOST_EXTRA_START} s",
            met=raw["start_extra_s"] <= MOST_EXTRA_START,
        ),
        _target(
            "`pm33 health --url`",
            f"{raw['command_median_s']['pm33 health --url']:.2f} s",
            f"< {MOST_COMMAND} s",
            met=raw["command_median_s"]["pm33 health --url"] < MOST_COMMAND,
        ),
    ]
    for name in (SERVICE.name, WITH_DEPENDENCIES):
        rss = raw["idle"][name]["rss"]
        found.append(
            _target(
                f"resident memory at rest: {name}",
                f"{rss:.0f} MB",
                f"≤ {AIMED_RSS:.0f} MB, never above {MOST_RSS:.0f}",
                met=rss <= AIMED_RSS,
            )
        )
    idle = raw["idle"]
    if WITH_VENDORS in idle:
        more = idle[WITH_VENDORS]["rss"] - idle[SERVICE.name]["rss"]
        found.append(
            _target(
                f"more resident memory: {WITH_VENDORS}",
                f"{more:.1f} MB",
                f"≤ {MOST_FOR_VENDORS:.0f} MB",
                met=more <= MOST_FOR_VENDORS,
            )
        )
    return found


def _loop_targets(summary: Raw) -> list[tuple[str, str, str, str]]:
    held = max(summary[ALL][name] for name in ("first_ms", "later_ms"))
    gap = summary[HANGS]["gap_s"]
    return [
        _target(
            f"the event loop held at most: {ALL}",
            f"{held:.1f} ms",
            f"≤ {MOST_HELD:.0f} ms",
            met=held <= MOST_HELD,
        ),
        _target(
            f"between two results of any other vendor: {HANGS}",
            f"{gap:.2f} s",
            f"≤ {MOST_GAP} s",
            met=gap <= MOST_GAP,
        ),
    ]


def _limit(bare: float) -> float:
    return 2 * bare + 1


def _throughput(raw: Raw) -> str:
    rows = [
        (
            name,
            f"{row['per_cpu_second']:,}",
            f"{row['bare_per_cpu_second']:,}",
            f"{row['ratio']:.2f}",
            f"{row['ratio_low']:.2f} to {row['ratio_high']:.2f}",
            f"{row['per_second']:,}",
            row["failures"],
        )
        for name, row in raw["summary"].items()
    ]
    head = (
        *("server", "requests per CPU-second", "bare ASGI beside it", "ratio"),
        *("over the rounds", "requests per second", "failed"),
    )
    load = f"{raw['connections']} kept-alive connections, by {raw['generator']}"
    return f"### Requests per second of the server's CPU\n\n{load}.\n\n" + table(
        head, rows
    )


def _inprocess(raw: Raw) -> str:
    rows = []
    for count, row in raw["summary"].items():
        for path in ("/api/health", "/api/health/detailed"):
            edge, bare = (row["calls"][f"{kind} {path}"] for kind in ("edge", "bare"))
            rows.append(
                (
                    count,
                    path,
                    *(
                        f"{figure:.2f}"
                        for kind in ("best", "median")
                        for figure in (bare[kind], edge[kind], _limit(bare[kind]))
                    ),
                )
            )
    head = (
        *("own checks", "path", "bare ASGI, fastest", "ours, fastest", "limit"),
        *("bare ASGI, median", "ours, median", "limit by the medians"),
    )
    return "### In process, microseconds a call\n\n" + table(head, rows)


def _startup(raw: Raw) -> str:
    starts = raw["start_median_s"]
    rows = []
    for name, held in raw["idle"].items():
        start = f"{starts[name]:.2f} s" if name in starts else ""
        pss = "" if held["pss"] is None else f"{held['pss']:.0f} MB"
        share = f"{held['cpu_share']:.1%}"
        rows.append((name, start, f"{held['rss']:.0f} MB", pss, share))
    head = ("server", "first 200", "resident", "proportional", "CPU at rest")
    commands = ", ".join(
        f"`{name}` {seconds:.2f} s" for name, seconds in raw["command_median_s"].items()
    )
    text = f"Medians of {len(raw['starts'][FASTAPI.name])}. Commands: {commands}."
    return f"### Start and rest\n\n{text}\n\n{table(head, rows)}"


def _loop(raw: Raw) -> str:
    rows = [
        (
            name,
            *(f"{row[key]:.1f} ms" for key in ("first_ms", "later_ms", "work_ms")),
            "" if row["gap_s"] is None else f"{row['gap_s']:.2f} s",
        )
        for name, row in raw["summary"].items()
    ]
    head = (
        *("checks", "held at most while it starts", "held at most afterwards"),
        *("by its own work", "between two results of another vendor, at most"),
    )
    count = min(len(runs) for runs in raw["runs"].values())
    text = (
        f"Medians of {count}, six seconds each; its own work, and the time between two"
        " results, at most in any of them."
    )
    return f"### The event loop\n\n{text}\n\n{table(head, rows)}"
