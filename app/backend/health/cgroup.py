"""The limits that the container has, which psutil cannot see (giampaolo/psutil#2100).

Only version 2 is read: https://docs.kernel.org/admin-guide/cgroup-v2.html. On a host
with version 1, or with no memory and CPU controllers, there is nothing to say here.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

__all__ = ["CgroupReading", "CpuThrottling", "read_cgroup", "read_host_pressure"]

_PRESSURE = ("cpu", "memory", "io")
_CPU_MAX_FIELDS = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class CpuThrottling:
    """How often the CPU limit stopped the group, since the group was made."""

    periods: int
    throttled_periods: int
    throttled_seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class CgroupReading:
    """What the process's own cgroup and those above it allow, and what is used.

    Attributes:
        memory_limit: bytes, of the group that is closest to its limit; None: no limit.
        memory_used: bytes of that group (without a limit: of the own one) that cannot
            be reclaimed at once: memory.current less inactive_file, the kubelet's
            "working set".
        oom_kills: processes killed for lack of memory in the own group.
        cpu_limit: cores, the smallest of all groups; None: no limit.
        throttling: of the group with that limit.
        pressure: percent of the last 10 s in which some task waited for ``cpu``,
            ``memory`` or ``io`` (PSI "some avg10").
    """

    memory_limit: int | None = None
    memory_used: int | None = None
    oom_kills: int | None = None
    cpu_limit: float | None = None
    throttling: CpuThrottling | None = None
    pressure: Mapping[str, float] = field(default_factory=dict)


def read_cgroup(root: Path = Path("/")) -> CgroupReading | None:
    """Reads the limits of this process.

    Args:
        root: where the file system begins.

    Returns:
        None where version 2 neither limits nor counts this process.
    """
    groups = list(_groups(root))
    if not groups:
        return None
    own = groups[0]
    memory_limit, memory_used = _memory(groups)
    cpu_limit, throttling = _cpu(groups)
    if memory_used is None and cpu_limit is None:
        return None
    return CgroupReading(
        memory_limit=memory_limit,
        memory_used=memory_used,
        oom_kills=_table(own / "memory.events").get("oom_kill"),
        cpu_limit=cpu_limit,
        throttling=throttling,
        pressure=_pressure({name: own / f"{name}.pressure" for name in _PRESSURE}),
    )


def read_host_pressure(root: Path = Path("/")) -> Mapping[str, float]:
    """The whole machine's pressure, as :attr:`CgroupReading.pressure`."""
    return _pressure({name: root / "proc/pressure" / name for name in _PRESSURE})


def _groups(root: Path) -> Iterator[Path]:
    """Yields the folder of the own cgroup, then those above it, as far as mounted."""
    own = _own_group(root)
    mount = _mount(root)
    if own is None or mount is None:
        return
    mount_root, mount_point = mount
    base = root / mount_point.relative_to("/")
    # With a cgroup namespace both are "/"; without, the mount may show a subtree.
    # A process outside of that subtree ("/../x") is bound by the mount's root only.
    inside = own.is_relative_to(mount_root) and ".." not in own.parts
    relative = own.relative_to(mount_root) if inside else PurePosixPath()
    folder = base / relative
    while True:
        yield folder
        if folder == base:
            return
        folder = folder.parent


def _own_group(root: Path) -> PurePosixPath | None:
    """The path in the line ``0::/path`` (cgroups(7))."""
    for line in _text(root / "proc/self/cgroup").splitlines():
        if line.startswith("0::/"):
            return PurePosixPath(line.removeprefix("0::"))
    return None


def _mount(root: Path) -> tuple[PurePosixPath, PurePosixPath] | None:
    """What of the hierarchy is mounted, and where (proc_pid_mountinfo(5))."""
    for line in _text(root / "proc/self/mountinfo").splitlines():
        mount, _, source = line.partition(" - ")
        if source.startswith("cgroup2 "):
            _, _, _, mount_root, mount_point, *_ = mount.split()
            return PurePosixPath(mount_root), PurePosixPath(mount_point)
    return None


def _memory(groups: list[Path]) -> tuple[int | None, int | None]:
    """Limit and use of the group closest to its limit; a full parent kills too."""
    limited = []
    for folder in groups:
        limit = _number(folder / "memory.max")
        used = _working_set(folder)
        if limit and used is not None:
            limited.append((used / limit, limit, used))
    if not limited:
        return None, _working_set(groups[0])
    _, limit, used = max(limited)
    return limit, used


def _working_set(folder: Path) -> int | None:
    current = _number(folder / "memory.current")
    if current is None:
        return None
    return max(current - _table(folder / "memory.stat").get("inactive_file", 0), 0)


def _cpu(groups: list[Path]) -> tuple[float | None, CpuThrottling | None]:
    limited = []
    for folder in groups:
        fields = _text(folder / "cpu.max").split()
        if len(fields) == _CPU_MAX_FIELDS and fields[0] != "max":
            quota, period = map(int, fields)
            limited.append((quota / period, folder))
    if not limited:
        return None, None
    cores, folder = min(limited)
    stat = _table(folder / "cpu.stat")
    return cores, CpuThrottling(
        periods=stat.get("nr_periods", 0),
        throttled_periods=stat.get("nr_throttled", 0),
        throttled_seconds=stat.get("throttled_usec", 0) / 1e6,
    )


def _pressure(files: Mapping[str, Path]) -> dict[str, float]:
    """Reads ``some avg10=1.23 …`` (https://docs.kernel.org/accounting/psi.html)."""
    pressure = {}
    for name, path in files.items():
        kind, _, rest = _text(path).partition(" ")
        if kind == "some":
            pressure[name] = float(rest.split()[0].removeprefix("avg10="))
    return pressure


def _table(path: Path) -> dict[str, int]:
    rows = (line.split() for line in _text(path).splitlines())
    return {key: int(value) for key, value in rows}


def _number(path: Path) -> int | None:
    text = _text(path).strip()
    return int(text) if text.isdecimal() else None


def _text(path: Path) -> str:
    """Empty when there is no such file, or the kernel refuses (PSI switched off)."""
    try:
        return path.read_text(encoding="ascii")
    except OSError:
        return ""
