import json
import os
import threading
from dataclasses import replace
from pathlib import Path

import pytest

from app.backend.health.cgroup import CpuThrottling
from app.backend.health.checks.system import SystemCheck, SystemReading, judge_system
from app.backend.health.models import Failure, Status

MIB = 1024 * 1024
IDLE = SystemReading(
    source="cgroup2",
    memory_used=100 * MIB,
    memory_limit=512 * MIB,
    process_rss=70 * MIB,
    disk_free=9_000 * MIB,
    disk_used=1_000 * MIB,
    open_files=20,
    max_files=1024,
    process_cpu=3.14,
    host_cpu=50.04,
    load_average=(0.123, 0.2, 0.3),
)


def limited_container(root: Path, *, used: int, limit: int) -> Path:
    files = {
        "proc/self/cgroup": "0::/\n",
        "proc/self/mountinfo": "30 23 0:26 / /cgroup rw - cgroup2 cgroup rw\n",
        "cgroup/memory.max": str(limit),
        "cgroup/memory.current": str(used),
    }
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="ascii")
    return root


def test_an_idle_container_is_healthy_and_described() -> None:
    throttling = CpuThrottling(
        periods=10, throttled_periods=2, throttled_seconds=0.12345
    )
    reading = replace(IDLE, throttling=throttling, cpu_limit=2.0, pressure={"io": 1.5})
    result = judge_system(reading)
    assert result.status is Status.HEALTHY
    assert result.data == {
        "source": "cgroup2",
        "memory": {
            "used_bytes": 100 * MIB,
            "limit_bytes": 512 * MIB,
            "used_percent": 19.5,
            "process_rss_bytes": 70 * MIB,
            "oom_kills": None,
        },
        "cpu": {
            "limit_cores": 2.0,
            "process_percent": 3.1,
            "host_percent": 50.0,
            "load_average": [0.12, 0.2, 0.3],
            "throttled": {
                "periods": 10,
                "throttled_periods": 2,
                "throttled_s": 0.123,
            },
        },
        "disk": {"free_bytes": 9_000 * MIB, "used_percent": 10.0},
        "files": {"open": 20, "limit": 1024},
        "pressure_percent": {"io": 1.5},
    }


@pytest.mark.parametrize(
    ("reading", "word"),
    [
        pytest.param(
            replace(IDLE, memory_used=90, memory_limit=100), "memory", id="memory"
        ),
        pytest.param(
            replace(IDLE, disk_used=95_000 * MIB, disk_free=5_000 * MIB),
            "volume",
            id="share of the disk",
        ),
        pytest.param(
            replace(IDLE, disk_used=0, disk_free=100 * MIB - 1),
            "99 MiB",
            id="rest of the disk",
        ),
        pytest.param(
            replace(IDLE, open_files=90, max_files=100), "90 of 100", id="files"
        ),
    ],
)
def test_at_its_limit_a_container_is_overloaded(
    reading: SystemReading, word: str
) -> None:
    result = judge_system(reading)
    assert (result.status, result.failure) == (Status.DEGRADED, Failure.OVERLOADED)
    assert word in result.message
    assert result.remedy


@pytest.mark.parametrize(
    "reading",
    [
        pytest.param(replace(IDLE, memory_used=89, memory_limit=100), id="memory"),
        pytest.param(
            replace(IDLE, disk_used=94_000 * MIB, disk_free=6_000 * MIB), id="disk"
        ),
        pytest.param(replace(IDLE, open_files=89, max_files=100), id="files"),
        pytest.param(replace(IDLE, open_files=10**6, max_files=None), id="no limit"),
    ],
)
def test_just_below_its_limit_a_container_is_healthy(reading: SystemReading) -> None:
    assert judge_system(reading).status is Status.HEALTHY


def test_all_that_is_full_is_told_and_nothing_is_unhealthy() -> None:
    full = replace(
        IDLE,
        memory_used=512 * MIB,
        disk_free=0,
        open_files=1024,
    )
    result = judge_system(full)
    assert result.status is Status.DEGRADED
    assert result.message.count(";") == 2


def test_the_containers_limit_comes_before_the_machines(tmp_path: Path) -> None:
    root = limited_container(tmp_path, used=95 * MIB, limit=100 * MIB)
    result = SystemCheck(root=root).probe()
    assert result.data["source"] == "cgroup2"
    assert result.data["memory"]["limit_bytes"] == 100 * MIB
    assert "95.0 % of the container's memory" in result.message


def test_a_limit_above_the_machines_memory_is_none(tmp_path: Path) -> None:
    root = limited_container(tmp_path, used=MIB, limit=2**62)
    data = SystemCheck(root=root).probe().data
    assert data["source"] == "host"
    assert MIB < data["memory"]["limit_bytes"] < 2**62


def test_without_cgroups_the_machine_is_told(tmp_path: Path) -> None:
    data = SystemCheck(root=tmp_path, volume=tmp_path).probe().data
    assert data["source"] == "host"
    assert data["memory"]["process_rss_bytes"] > MIB
    assert data["files"]["open"] > 0
    assert data["disk"]["free_bytes"] >= 0
    json.dumps(data, allow_nan=False)


def test_cpu_is_measured_also_when_each_probe_has_a_thread_of_its_own(
    tmp_path: Path,
) -> None:
    check = SystemCheck(root=tmp_path)
    percents: list[tuple[float, float]] = []

    def probe() -> None:
        cpu = check.probe().data["cpu"]
        percents.append((cpu["process_percent"], cpu["host_percent"]))

    for _ in range(2):
        spent = os.times().user + 0.1
        while os.times().user < spent:
            pass
        thread = threading.Thread(target=probe)
        thread.start()
        thread.join(20.0)
    assert all(process > 0 and host > 0 for process, host in percents)
    assert len(percents) == 2
