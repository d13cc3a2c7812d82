"""A child, and what it has started."""

import os
import signal
import time
from pathlib import Path

import pytest

from app.backend.deploy.platforms.local.children import Child
from app.backend.processes import ProcessMark
from tests.support.processes import eventually

# As a start command may be wrapped: the shell does not pass signals on.
DRAINS = (
    "import signal, sys, time\n"
    "def drain(*_):\n"
    "    time.sleep(0.3)\n"
    "    print('drained', flush=True)\n"
    "    sys.exit(0)\n"
    "signal.signal(signal.SIGTERM, drain)\n"
    "print('ready', flush=True)\n"
    "time.sleep(60)\n"
)


async def started(*command: str, lines: list[str]) -> Child:
    return await Child.start(
        command, env=dict(os.environ), cwd=Path(), write=lines.append
    )


async def test_what_a_shell_has_started_drains_as_well() -> None:
    lines: list[str] = []
    child = await started("sh", "-c", 'python3 -c "$0"; true', DRAINS, lines=lines)
    await eventually(lambda: "ready" in lines)

    await child.end(20)

    assert lines == ["ready", "drained"]
    assert not child.running


async def test_the_grace_ends_for_all_of_them(tmp_path: Path) -> None:
    mark, lines = tmp_path / "pid", list[str]()
    stubborn = f'trap "" TERM; echo $$ > {mark}; echo ready; exec sleep 60'
    child = await started("sh", "-c", f"(sh -c '{stubborn}'); true", lines=lines)
    await eventually(lambda: "ready" in lines)
    began = time.monotonic()

    await child.end(0.2)

    assert time.monotonic() - began < 5
    assert ProcessMark.of(int(mark.read_text())) is None


@pytest.mark.parametrize("way", ["kill", "end"])
async def test_a_process_group_of_its_own_is_no_way_out(
    tmp_path: Path, way: str
) -> None:
    mark, lines = tmp_path / "pid", list[str]()
    inner = f"echo $$ > {mark}; echo ready; exec sleep 60"
    child = await started(
        "python3",
        "-c",
        "import subprocess, sys, time\n"
        "subprocess.Popen(['sh', '-c', sys.argv[1]], process_group=0)\n"
        "time.sleep(60)",
        inner,
        lines=lines,
    )
    await eventually(lambda: "ready" in lines)

    if way == "kill":
        os.kill(child.mark.pid, signal.SIGKILL)
        assert await child.exited() == -signal.SIGKILL
    else:
        await child.end(0.1)

    await eventually(lambda: ProcessMark.of(int(mark.read_text())) is None)
