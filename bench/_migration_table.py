"""The tables of ``bench/migrations.md``, from the raw output alone."""

import statistics
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from bench._migration_cases import Crowd, Way
from bench._tables import table

__all__ = ["render"]

Raw = Mapping[str, Any]

_MOST_WAITED: Final = 0.25
_MOST_RATIO: Final = 3.0
_MOST_SECONDS: Final = 5.0
_OURS_IN_LINTING: Final = "pm33 migrate lint"
_TARGETS: Final = ("figure", "measured", "target", "")
_FELT: Final = (
    *("case", "way", "operations", "p50", "p99", "max", "> 250 ms", "> 1 s"),
    *("errors", "longest wait for its locks", "takes", "tries in vain"),
)


def render(raw: Raw) -> str:
    """Markdown of what was measured."""
    parts = [_about(raw)]
    targets: list[tuple[str, ...]] = []
    if traffic := raw.get("traffic"):
        targets += _traffic_targets(traffic)
    if linter := raw.get("linter"):
        targets += _linter_targets(linter)
    parts.append("### Targets\n\n" + table(_TARGETS, targets))
    if traffic:
        parts.append(_felt(traffic))
    if linter:
        parts += [_cases(linter), _speed(linter)]
    return "\n\n".join(parts) + "\n"


def _about(raw: Raw) -> str:
    machine = raw["machine"]
    lines = [
        f"Measured on {raw['date']} at commit {raw['commit']}, with "
        + " ".join(f"`--{name} {value}`" for name, value in raw["arguments"].items())
        + ":",
        "",
        f"- {machine['cpu']}, {machine['cores']} cores, {machine['memory_gb']} GB",
        f"- {machine['system']}; load averages before the run: "
        + ", ".join(map(str, machine["load_before"])),
        f"- Python {machine['python']}, "
        + ", ".join(f"{name} {one}" for name, one in raw["packages"].items()),
    ]
    if "traffic" in raw:
        lines.append(f"- PostgreSQL {raw['traffic']['postgresql']}, as it comes")
    return "\n".join(lines)


def _traffic_targets(traffic: Raw) -> Iterator[tuple[str, ...]]:
    base = _run(traffic, Way.NOT, Crowd.NOBODY)["all"]["p99"]
    for run in traffic["runs"]:
        if run["way"] != Way.OURS:
            continue
        felt, name = run["all"], run["case"]
        yield _target(
            f"{name}: longest wait for our locks",
            felt["waited"],
            _MOST_WAITED,
            _ms,
            f"≤ {_ms(_MOST_WAITED)}",
        )
        yield _target(
            f"{name}: p99",
            felt["p99"],
            _MOST_RATIO * base,
            _ms,
            f"≤ 3 baselines = {_ms(_MOST_RATIO * base)}",
        )
        errors = sum(felt["errors"].values())
        yield _target(f"{name}: errors", errors, 0, str, "0")


def _linter_targets(linter: Raw) -> Iterator[tuple[str, ...]]:
    ours = linter["cases"][_OURS_IN_LINTING]
    missed, false = len(ours["missed"]), len(ours["false"])
    unsafe = f"{ours['unsafe']} unsafe cases of {ours['rows']} rows of the catalogue"
    yield _target(f"{unsafe}: missed", missed, 0, str, "0")
    yield _target(f"{ours['safe']} safe cases: flagged", false, 0, str, "0")
    speed = linter["speed"]
    for command, seconds in speed["seconds"].items():
        yield _target(
            f"`{command}`, {speed['revisions']} revisions",
            statistics.median(seconds),
            _MOST_SECONDS,
            _s,
            f"< {_MOST_SECONDS:.0f} s",
        )


def _target(
    figure: str, measured: float, most: float, shown: Any, target: str
) -> tuple[str, ...]:
    verdict = "met" if measured <= most else "**missed**"
    return figure, shown(measured), target, verdict


def _run(traffic: Raw, way: Way, crowd: Crowd) -> Raw:
    found: Raw = next(
        run for run in traffic["runs"] if (run["way"], run["crowd"]) == (way, crowd)
    )
    return found


def _felt(traffic: Raw) -> str:
    rows = []
    for run in traffic["runs"]:
        felt = run["all"]
        tries = [one["blocked_attempts"] for one in run["rounds"]]
        is_migrated = run["way"] != Way.NOT
        rows.append(
            (
                run["case"] or run["crowd"],
                run["way"],
                f"{felt['operations']:,}",
                *(_ms(felt[which]) for which in ("p50", "p99", "max")),
                f"{felt['over_quarter']:,}",
                f"{felt['over_second']:,}",
                _errors(felt["errors"]),
                _ms(felt["waited"]) if is_migrated else "",
                _s(statistics.median(felt["seconds"])) if is_migrated else "",
                ", ".join(map(str, tries)) if run["way"] == Way.OURS else "",
            )
        )
    return "### Under load\n\n" + table(_FELT, rows)


def _errors(errors: Mapping[str, int]) -> str:
    return ", ".join(f"{count} {state}" for state, count in errors.items()) or "0"


def _cases(linter: Raw) -> str:
    heads = ("linter", "unsafe, found", "safe, flagged")
    rows = [
        (
            who,
            f"{score['unsafe'] - len(score['missed'])} of {score['unsafe']}",
            f"{len(score['false'])} of {score['safe']}",
        )
        for who, score in linter["cases"].items()
    ]
    return "### The linter and the catalogue\n\n" + table(heads, rows)


def _speed(linter: Raw) -> str:
    speed = linter["speed"]
    rows = [
        (f"`{command}`", _s(statistics.median(seconds)), _spread(seconds))
        for command, seconds in speed["seconds"].items()
    ]
    heads = ("command", "median", "from, to")
    return f"### {speed['revisions']} revisions\n\n" + table(heads, rows)


def _spread(seconds: Sequence[float]) -> str:
    return f"{_s(min(seconds))}, {_s(max(seconds))}"


def _ms(seconds: float) -> str:
    return f"{seconds * 1000:,.0f} ms"


def _s(seconds: float) -> str:
    return f"{seconds:.1f} s"
