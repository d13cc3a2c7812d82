from collections.abc import Mapping
from pathlib import Path

import pytest

from app.backend.health.cgroup import CgroupReading, read_cgroup, read_host_pressure

MIB = 1024 * 1024
NAMESPACE = "30 23 0:26 / /sys/fs/cgroup ro,nosuid - cgroup2 cgroup rw\n"
PSI = "some avg10={} avg60=0.00 avg300=0.00 total=1\nfull avg10=9.00 avg60=0 total=0\n"
GROUPS = "sys/fs/cgroup"


def tree(root: Path, files: Mapping[str, str]) -> Path:
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="ascii")
    return root


def container(root: Path, files: Mapping[str, str], *, own: str = "/") -> Path:
    """A file system in which a process sits in the group ``own``."""
    mounts = {"proc/self/cgroup": f"0::{own}\n", "proc/self/mountinfo": NAMESPACE}
    return tree(root, mounts | {f"{GROUPS}/{name}": files[name] for name in files})


def read(root: Path) -> CgroupReading:
    reading = read_cgroup(root)
    assert reading is not None
    return reading


def test_a_limited_container_is_read_in_full(tmp_path: Path) -> None:
    root = container(
        tmp_path,
        {
            "memory.max": f"{512 * MIB}\n",
            "memory.current": f"{300 * MIB}\n",
            "memory.stat": f"anon {90 * MIB}\ninactive_file {200 * MIB}\n",
            "memory.events": "low 0\nhigh 0\nmax 7\noom 2\noom_kill 1\n",
            "cpu.max": "150000 100000\n",
            "cpu.stat": "usage_usec 9\nnr_periods 10\nnr_throttled 4\n"
            "throttled_usec 2500000\n",
            "cpu.pressure": PSI.format("1.50"),
            "memory.pressure": PSI.format("0.00"),
            "io.pressure": PSI.format("12.25"),
        },
    )
    reading = read(root)
    assert reading.memory_limit == 512 * MIB
    assert reading.memory_used == 100 * MIB
    assert reading.oom_kills == 1
    assert reading.cpu_limit == 1.5
    assert reading.throttling is not None
    assert reading.throttling.periods == 10
    assert reading.throttling.throttled_periods == 4
    assert reading.throttling.throttled_seconds == 2.5
    assert reading.pressure == {"cpu": 1.5, "memory": 0.0, "io": 12.25}


def test_without_limits_the_own_use_is_told(tmp_path: Path) -> None:
    root = container(
        tmp_path,
        {
            "memory.max": "max\n",
            "memory.current": f"{5 * MIB}\n",
            "cpu.max": "max 100000\n",
        },
    )
    assert read(root) == CgroupReading(memory_used=5 * MIB)


@pytest.mark.parametrize(
    ("own_limit", "parent_limit", "expected"),
    [
        ("max", f"{200 * MIB}", (200 * MIB, 190 * MIB)),
        (f"{100 * MIB}", "max", (100 * MIB, 20 * MIB)),
        # The parent has more room in all, but its other children fill it.
        (f"{100 * MIB}", f"{200 * MIB}", (200 * MIB, 190 * MIB)),
        (f"{21 * MIB}", f"{200 * MIB}", (21 * MIB, 20 * MIB)),
    ],
)
def test_the_group_closest_to_its_memory_limit_decides(
    tmp_path: Path, own_limit: str, parent_limit: str, expected: tuple[int, int]
) -> None:
    root = container(
        tmp_path,
        {
            "pod/memory.max": parent_limit,
            "pod/memory.current": f"{190 * MIB}",
            "pod/app/memory.max": own_limit,
            "pod/app/memory.current": f"{20 * MIB}",
        },
        own="/pod/app",
    )
    reading = read(root)
    assert (reading.memory_limit, reading.memory_used) == expected


def test_the_smallest_cpu_limit_of_all_groups_counts(tmp_path: Path) -> None:
    root = container(
        tmp_path,
        {
            "pod/cpu.max": "50000 100000",
            "pod/cpu.stat": "nr_periods 3\nnr_throttled 2\nthrottled_usec 1\n",
            "pod/app/cpu.max": "200000 100000",
        },
        own="/pod/app",
    )
    reading = read(root)
    assert reading.cpu_limit == 0.5
    assert reading.throttling is not None
    assert reading.throttling.throttled_periods == 2


def test_a_mounted_subtree_without_a_namespace_is_found(tmp_path: Path) -> None:
    root = tree(
        tmp_path,
        {
            "proc/self/cgroup": "0::/docker/abc/worker\n",
            "proc/self/mountinfo": (
                "30 23 0:26 /docker/abc /sys/fs/cgroup ro - cgroup2 cgroup rw\n"
            ),
            f"{GROUPS}/worker/memory.max": "1000",
            f"{GROUPS}/worker/memory.current": "400",
        },
    )
    assert read(root).memory_limit == 1000


@pytest.mark.parametrize("own", ["/../sibling", "/elsewhere/that/is/not/mounted"])
def test_a_group_that_is_not_visible_is_bound_by_the_mounts_root(
    tmp_path: Path, own: str
) -> None:
    files = {"memory.max": "1000", "memory.current": "400"}
    assert read(container(tmp_path, files, own=own)).memory_limit == 1000


def test_a_reclaimable_cache_larger_than_the_use_leaves_zero(tmp_path: Path) -> None:
    files = {"memory.current": "100", "memory.stat": "inactive_file 200\n"}
    assert read(container(tmp_path, files)).memory_used == 0


def test_switched_off_pressure_is_left_out(tmp_path: Path) -> None:
    files = {"memory.current": "100", "cpu.pressure": PSI.format("2.00")}
    assert read(container(tmp_path, files)).pressure == {"cpu": 2.0}


@pytest.mark.parametrize(
    "files",
    [
        pytest.param({}, id="no proc"),
        pytest.param(
            {
                "proc/self/cgroup": "4:memory:/docker/abc\n1:cpu:/docker/abc\n",
                "proc/self/mountinfo": (
                    "35 31 0:32 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory\n"
                ),
                f"{GROUPS}/memory/memory.limit_in_bytes": "1000",
            },
            id="version 1",
        ),
        pytest.param(
            {
                "proc/self/cgroup": "4:memory:/\n0::/\n",
                "proc/self/mountinfo": (
                    "41 31 0:38 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw\n"
                ),
                f"{GROUPS}/unified/cpu.stat": "usage_usec 5\n",
            },
            id="hybrid, without controllers",
        ),
        pytest.param({"proc/self/cgroup": "0::/\n"}, id="not mounted"),
    ],
)
def test_without_version_2_there_is_nothing_to_say(
    tmp_path: Path, files: Mapping[str, str]
) -> None:
    assert read_cgroup(tree(tmp_path, files)) is None


def test_the_machine_that_runs_this_can_be_read() -> None:
    reading = read_cgroup()
    assert reading is None or reading.memory_used is None or reading.memory_used > 0


def test_the_hosts_pressure_is_read_from_proc(tmp_path: Path) -> None:
    root = tree(tmp_path, {"proc/pressure/io": PSI.format("3.25")})
    assert read_host_pressure(root) == {"io": 3.25}
