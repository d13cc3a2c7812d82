"""What the container has left: memory, CPU, disk, file descriptors."""

import os
import resource
import shutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import psutil

from app.backend.health.cgroup import CpuThrottling, read_cgroup, read_host_pressure
from app.backend.health.models import CheckResult, Failure

__all__ = ["SystemCheck", "SystemReading", "judge_system"]

_MEMORY_WARNING = 0.90
_DISK_WARNING = 0.95
_DISK_FREE_WARNING = 100 * 1024 * 1024
_FILES_WARNING = 0.90


@dataclass(frozen=True, slots=True, kw_only=True)
class SystemReading:
    """What one look found; sizes in bytes, CPU in percent of one core.

    Attributes:
        source: whose memory is meant: the container's where it has a limit below the
            machine's, else the whole machine's.
        memory_used: what cannot be reclaimed at once.
        memory_limit: what there is.
        process_rss: resident memory of this process.
        oom_kills: processes of the container killed for lack of memory.
        cpu_limit: cores that the container may use; None: all of them.
        throttling: how often that limit was hit.
        process_cpu: since the look before.
        host_cpu: percent of all cores, since the look before.
        load_average: of the machine, over 1, 5 and 15 minutes.
        pressure: percent of the last 10 s in which some task waited for a resource.
        disk_free: what an unprivileged user can still write.
        disk_used: of the volume that holds the working directory.
        open_files: of this process.
        max_files: its soft RLIMIT_NOFILE; None: no limit.
    """

    source: Literal["cgroup2", "host"]
    memory_used: int
    memory_limit: int
    process_rss: int
    disk_free: int
    disk_used: int
    open_files: int
    max_files: int | None
    process_cpu: float
    host_cpu: float
    load_average: tuple[float, float, float]
    oom_kills: int | None = None
    cpu_limit: float | None = None
    throttling: CpuThrottling | None = None
    pressure: Mapping[str, float] = field(default_factory=dict)

    @property
    def memory_share(self) -> float:
        """0 to 1."""
        return self.memory_used / self.memory_limit

    @property
    def disk_share(self) -> float:
        """0 to 1, as ``df`` counts: what is reserved for root is not free."""
        return self.disk_used / max(self.disk_used + self.disk_free, 1)

    @property
    def files_share(self) -> float:
        """0 to 1."""
        return self.open_files / self.max_files if self.max_files else 0.0

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready."""
        throttling = self.throttling
        return {
            "source": self.source,
            "memory": {
                "used_bytes": self.memory_used,
                "limit_bytes": self.memory_limit,
                "used_percent": _percent(self.memory_share),
                "process_rss_bytes": self.process_rss,
                "oom_kills": self.oom_kills,
            },
            "cpu": {
                "limit_cores": self.cpu_limit,
                "process_percent": round(self.process_cpu, 1),
                "host_percent": round(self.host_cpu, 1),
                "load_average": [round(load, 2) for load in self.load_average],
                "throttled": throttling
                and {
                    "periods": throttling.periods,
                    "throttled_periods": throttling.throttled_periods,
                    "throttled_s": round(throttling.throttled_seconds, 3),
                },
            },
            "disk": {
                "free_bytes": self.disk_free,
                "used_percent": _percent(self.disk_share),
            },
            "files": {"open": self.open_files, "limit": self.max_files},
            "pressure_percent": dict(self.pressure),
        }


def judge_system(reading: SystemReading) -> CheckResult:
    """Healthy or degraded; a machine that runs full is never unhealthy by itself."""
    findings = list(_findings(reading))
    if not findings:
        return CheckResult.healthy(**reading.to_dict())
    return CheckResult.degraded(
        Failure.OVERLOADED,
        "; ".join(finding for finding, _ in findings),
        remedy=" ".join(remedy for _, remedy in findings),
        **reading.to_dict(),
    )


def _findings(reading: SystemReading) -> Iterator[tuple[str, str]]:
    """Yields what is wrong, and what to do about it."""
    if reading.memory_share >= _MEMORY_WARNING:
        whose = "container" if reading.source == "cgroup2" else "machine"
        yield (
            f"{_percent(reading.memory_share)} % of the {whose}'s memory is in use",
            "Raise the memory limit, run fewer workers, or look for a leak.",
        )
    if reading.disk_share >= _DISK_WARNING or reading.disk_free < _DISK_FREE_WARNING:
        free = reading.disk_free // (1024 * 1024)
        yield (
            f"the working directory's volume has {free} MiB left",
            "Remove files that are not needed, or enlarge the volume.",
        )
    if reading.files_share >= _FILES_WARNING:
        yield (
            f"{reading.open_files} of {reading.max_files} file descriptors are open",
            "Look for what is not closed, or raise the limit (ulimit -n).",
        )


class SystemCheck:
    """Reads the container's limits first, then what the machine says of the rest.

    Args:
        root: where the file system begins; cgroups and pressure are read below it.
        volume: a folder on the volume to watch; by default the working directory.
    """

    name = "system"

    def __init__(self, *, root: Path = Path("/"), volume: Path | None = None) -> None:
        self._root = root
        self._volume = volume or Path.cwd()
        self._process = psutil.Process()
        # psutil measures from one call to the next: this is the first one.
        self._process.cpu_percent(interval=None)
        self._cpu_times = _cpu_times()

    def probe(self) -> CheckResult:
        """Reads and judges; a plain function, since a volume may hang."""
        return judge_system(self._read())

    def _read(self) -> SystemReading:
        cgroup = read_cgroup(self._root)
        host = psutil.virtual_memory()
        disk = shutil.disk_usage(self._volume)
        source: Literal["cgroup2", "host"] = "host"
        used, limit = host.total - host.available, host.total
        if (
            cgroup
            and cgroup.memory_used is not None
            and cgroup.memory_limit is not None
            and cgroup.memory_limit < host.total
        ):
            source = "cgroup2"
            used, limit = cgroup.memory_used, cgroup.memory_limit
        soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
        return SystemReading(
            source=source,
            memory_used=used,
            memory_limit=limit,
            process_rss=self._process.memory_info().rss,
            disk_free=disk.free,
            disk_used=disk.used,
            open_files=self._process.num_fds(),
            max_files=None if soft == resource.RLIM_INFINITY else soft,
            process_cpu=self._process.cpu_percent(interval=None),
            host_cpu=self._host_cpu(),
            load_average=os.getloadavg(),
            oom_kills=cgroup.oom_kills if cgroup else None,
            cpu_limit=cgroup.cpu_limit if cgroup else None,
            throttling=cgroup.throttling if cgroup else None,
            pressure=cgroup.pressure if cgroup else read_host_pressure(self._root),
        )

    def _host_cpu(self) -> float:
        """Percent of all cores since the look before.

        psutil.cpu_percent() remembers per thread, and each probe has a thread of its
        own: it would answer 0.0 for ever and keep an entry for every thread.
        """
        before, self._cpu_times = self._cpu_times, _cpu_times()
        busy, total = (
            now - then for now, then in zip(self._cpu_times, before, strict=True)
        )
        return 100 * busy / total if total > 0 else 0.0


def _cpu_times() -> tuple[float, float]:
    """Busy and total CPU seconds of the machine; Linux counts guests as user too."""
    times = psutil.cpu_times()._asdict()
    idle = times["idle"] + times.get("iowait", 0.0)
    total = sum(times.values()) - times.get("guest", 0.0) - times.get("guest_nice", 0.0)
    return total - idle, total


def _percent(share: float) -> float:
    return round(share * 100, 1)
