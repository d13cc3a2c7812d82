"""What the measurements run on, and what a process used of it."""

import os
import platform
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path

import psutil

__all__ = ["Cores", "Memory", "cpu_seconds", "machine", "memory", "pick_cores", "pin"]

_PACKAGES = ("fastapi", "httptools", "starlette", "uvicorn", "uvloop")


@dataclass(frozen=True, slots=True)
class Cores:
    """Where the servers and the clients run; None leaves it to the system."""

    server: int | None
    client: int | None


@dataclass(frozen=True, slots=True)
class Memory:
    """What a process and its children hold, in MB (10^6 bytes).

    ``rss`` counts pages shared with other processes in full, ``pss`` by their share;
    ``pss`` is None where the system does not tell it.
    """

    rss: float
    pss: float | None


def pick_cores() -> Cores:
    """Two different cores, where this process may use two."""
    if not hasattr(os, "sched_getaffinity"):
        return Cores(None, None)
    allowed = sorted(os.sched_getaffinity(0))
    if len(allowed) < 2:
        return Cores(None, None)
    return Cores(server=allowed[-1], client=allowed[0])


def pin(pid: int, core: int | None) -> None:
    """Keeps a process that has just started, and all that it starts, on one core."""
    if core is not None:
        os.sched_setaffinity(pid, {core})


def cpu_seconds(pid: int) -> float:
    """User and system seconds of a process and its living children."""
    times = [process.cpu_times() for process in _tree(pid)]
    return sum(time.user + time.system for time in times)


def memory(pid: int) -> Memory:
    """What a process and its children hold now."""
    full = [process.memory_full_info() for process in _tree(pid)]
    pss = [getattr(info, "pss", None) for info in full]
    known = [share for share in pss if share is not None]
    return Memory(
        rss=sum(info.rss for info in full) / 1e6,
        pss=sum(known) / 1e6 if len(known) == len(full) else None,
    )


def machine(cores: Cores) -> dict[str, object]:
    """What a reader needs to know to compare figures; nothing that names the host."""
    return {
        "cpu": _cpu_model(),
        "cores": os.cpu_count(),
        "pinned": asdict(cores),
        "memory_gb": round(psutil.virtual_memory().total / 1e9, 1),
        "system": f"{platform.system()} {platform.release()}",
        "python": platform.python_version(),
        "load_before": [round(load, 2) for load in os.getloadavg()],
        "packages": {name: version(name) for name in _PACKAGES},
    }


def _tree(pid: int) -> Iterable[psutil.Process]:
    parent = psutil.Process(pid)
    return parent, *parent.children(recursive=True)


def _cpu_model() -> str:
    info = Path("/proc/cpuinfo")
    if info.exists():
        for line in info.read_text().splitlines():
            key, _, value = line.partition(":")
            if key.strip() == "model name":
                return value.strip()
    return platform.processor() or platform.machine()
