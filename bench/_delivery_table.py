"""The tables of ``bench/delivery.md``, from the raw output alone."""

import statistics
from collections.abc import Mapping, Sequence
from typing import Any, Final

__all__ = ["render"]

_SPANS: Final = ("detected", "back", "verified")
_WAYS: Final = {
    "rename": "the rename itself",
    "platform": "pm33's local platform",
    "reload": "naive: reload the proxy, end the old release",
    "restart": "naive: end the old release, start the new one",
}


def render(raw: Mapping[str, Any]) -> str:
    """Markdown of one run."""
    machine, given = raw["machine"], raw["arguments"]
    about = [
        f"Measured on {raw['date']} at commit {raw['commit']}, with "
        + " ".join(f"`--{name} {value}`" for name, value in given.items())
        + ":",
        "",
        f"- {machine['cpu']}, {machine['cores']} cores, {machine['memory_gb']} GB",
        f"- {machine['system']}; load averages before the run: "
        + ", ".join(map(str, machine["load_before"])),
        f"- Python {machine['python']}, Caddy {raw['caddy']}",
    ]
    switches = raw["switches"]
    tables = (_switches(switches), _load(switches), _recovery(raw), _faults(raw))
    return "\n".join([*about, *(line for table in tables for line in ("", *table)), ""])


def _switches(found: Mapping[str, Mapping[str, Any]]) -> Sequence[str]:
    rows = []
    for name, way in found.items():
        took = sorted(way["switch_seconds"])
        per_switch = way["per_switch"][1:]
        lossy = sum(lost > 0 for lost in per_switch)
        row = (
            _WAYS[name],
            str(way["switches"]),
            _ms(statistics.median(took)),
            _ms(took[min(len(took) - 1, int(len(took) * 0.95))]),
            str(lossy),
            f"{statistics.fmean(per_switch):.1f}" if lossy else "0",
            f"< {way['bound']:.1%} of switches" if way["bound"] else "",
        )
        rows.append(row)
    heads = ("way", "switches", "takes, p50", "p95", "of them lost something")
    return _table("Switches", (*heads, "lost a switch", "95 % bound"), rows)


def _load(found: Mapping[str, Mapping[str, Any]]) -> Sequence[str]:
    rows = []
    for name, way in found.items():
        latency = way["latency"]
        row = (
            _WAYS[name],
            f"{way['requests']:,}",
            f"{way['by_kind'].get('KEPT_POST', 0):,}",
            ", ".join(f"{count} {why}" for why, count in way["lost"].items()) or "0",
            str(way["stale"]),
            f"{way['repeated']}, {way['missing']}",
            *(_ms(latency[which]) for which in ("p50", "p99", "max")),
        )
        rows.append(row)
    heads = ("way", "requests", "of them POST", "lost", "answered by the old release")
    more = ("executed twice, never", "latency p50", "p99", "longest")
    return _table("The load on them", (*heads, *more), rows)


def _recovery(raw: Mapping[str, Any]) -> Sequence[str]:
    found = raw["recovery"]
    names = {
        "detected": "detected",
        "back": "traffic back",
        "verified": "verified",
    }
    rows = [
        (shown, *(f"{_quantile(found, name, share):.1f} s" for share in (0.5, 0.95, 1)))
        for name, shown in names.items()
    ]
    title = f"From a fault to its end, {len(found)} times"
    return _table(title, ("since the fault", "p50", "p95", "longest"), rows)


def _faults(raw: Mapping[str, Any]) -> Sequence[str]:
    section = raw["faults"]
    by_fault: dict[str, list[Mapping[str, Any]]] = {}
    for one in section["runs"]:
        by_fault.setdefault(one["fault"], []).append(one)
    rows = [
        (fault, str(len(found)), *(_span(found, name) for name in _SPANS))
        for fault, found in sorted(by_fault.items())
    ]
    loads = ", ".join(map(str, section["load_before"]))
    given = " ".join(f"`--{k} {v}`" for k, v in section["arguments"].items())
    about = (
        f"Measured on {section['date']} at commit {section['commit']}, with {given}; "
        f"load averages before: {loads}."
    )
    heads = ("fault", "times", "detected", "traffic back", "verified")
    return [
        *_table("By kind of fault: p50, p95", heads, rows),
        "",
        about,
    ]


def _span(found: Sequence[Mapping[str, Any]], name: str) -> str:
    return ", ".join(f"{_quantile(found, name, share):.1f} s" for share in (0.5, 0.95))


def _quantile(found: Sequence[Mapping[str, Any]], name: str, share: float) -> float:
    values: list[float] = sorted(one[name] for one in found)
    return values[min(len(values) - 1, int(len(values) * share))]


def _table(
    title: str, heads: Sequence[str], rows: Sequence[Sequence[str]]
) -> Sequence[str]:
    lines = [heads, ["---"] * len(heads), *rows]
    return [f"### {title}", "", *(f"| {' | '.join(cells)} |" for cells in lines)]


def _ms(seconds: float) -> str:
    return f"{seconds * 1000:,.1f} ms"
