"""Tools that run to their end."""

import asyncio
import os
from pathlib import Path

import pytest

from app.backend.deploy.platforms.local.commands import finished
from app.backend.processes import ProcessMark
from app.errors import PlatformError
from tests.support.processes import eventually

ENV = {"PATH": os.environ["PATH"]}


async def test_only_stdout_is_returned() -> None:
    output = await finished(
        ("sh", "-c", "echo said >&2; echo wanted"), env=ENV, timeout=10
    )

    assert output == b"wanted\n"


async def test_a_failure_names_the_verb_and_the_reason(tmp_path: Path) -> None:
    with pytest.raises(PlatformError, match=r"git log failed: .*not a git") as refused:
        await finished(
            ("git", "--no-pager", "log"), env=ENV, cwd=tmp_path, timeout=10, remedy="R"
        )

    assert refused.value.remedy == "R"


async def test_a_failure_without_a_word_says_so() -> None:
    with pytest.raises(PlatformError, match="code 3 and said nothing"):
        await finished(("sh", "-c", "exit 3"), env=ENV, timeout=10)


async def test_a_program_that_is_missing_is_to_be_installed(tmp_path: Path) -> None:
    with pytest.raises(PlatformError, match="no nothing-of-it") as refused:
        await finished(("nothing-of-it",), env={"PATH": str(tmp_path)}, timeout=10)

    assert refused.value.remedy == "install nothing-of-it"


@pytest.mark.parametrize("way", ["deadline", "cancelled"])
async def test_what_it_has_started_is_gone_with_it(tmp_path: Path, way: str) -> None:
    mark = tmp_path / "pid"
    command = ("sh", "-c", f"sh -c 'echo $$ > {mark}; sleep 60; true'; true")
    timeout = 0.5 if way == "deadline" else 60
    run = asyncio.create_task(finished(command, env=ENV, timeout=timeout))
    await eventually(lambda: mark.exists() and mark.read_text() != "")

    if way == "cancelled":
        run.cancel()
        with pytest.raises(asyncio.CancelledError):
            await run
    else:
        with pytest.raises(PlatformError, match=r"longer than 0\.5 s"):
            await run

    assert ProcessMark.of(int(mark.read_text())) is None
