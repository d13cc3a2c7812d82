"""The local platform's own processes are killed, in every order."""

import asyncio
import itertools
import os
import resource
import signal
import sys
import time
from dataclasses import replace
from pathlib import Path

import httpx
import psutil
import pytest

from app.backend.deploy.platforms.base import DeploymentStatus
from app.backend.deploy.platforms.local import LocalPlatform
from app.backend.deploy.platforms.local.keeper import KEEPER, supervisor_of
from app.backend.deploy.platforms.local.lifting import bring_down, bring_up
from app.backend.deploy.platforms.local.places import Places
from app.backend.deploy.platforms.local.preparing import UpOptions, prepare
from app.backend.deploy.platforms.local.state import PlatformState, save_state
from app.backend.processes import ProcessMark, spawn
from tests.support.local_platform import (
    Repository,
    ask,
    deployed,
    running_platform,
    settled,
)
from tests.support.processes import eventually
from tests.support.service import until

WITHIN = 5.0
PARTS = ("supervisor", "caddy", "release")
ORDERS = [
    order
    for count in range(1, len(PARTS) + 1)
    for order in itertools.permutations(PARTS, count)
]
QUICK = {("release",), ("caddy", "supervisor"), ("supervisor", "caddy", "release")}


def processes_of(home: Path) -> dict[int, str]:
    """Every process that was started in this home or with it as an argument."""
    found = {}
    for process in psutil.process_iter():
        try:
            command = " ".join(process.cmdline())
            words = [command, *process.environ().values()]
            if any(str(home) in word for word in words):
                found[process.pid] = command
        except psutil.Error:
            continue
    found.pop(os.getpid(), None)
    return found


async def pids_of(platform: LocalPlatform, home: Path, part: str) -> list[int]:
    if part == "supervisor":
        mark = supervisor_of(Places(home))
        return [] if mark is None else [mark.pid]
    if part == "caddy":
        return [(await platform.status())["proxy"]["pid"]]
    pids: set[int] = set()
    while len(pids) < 2:
        pids.add(int((await ask(platform))["pid"]))
    return list(pids)


async def answers(url: str, release: str) -> float:
    """Seconds until a user is served by this release."""
    began = time.monotonic()

    async def served() -> bool:
        try:
            async with httpx.AsyncClient(trust_env=False, timeout=10) as http:
                response = await http.get(url)
        except httpx.HTTPError:
            return False
        return response.status_code == 200 and response.json()["release"] == release

    await until(served)
    return time.monotonic() - began


@pytest.mark.parametrize(
    "order",
    [
        pytest.param(
            order,
            id="-".join(order),
            marks=() if order in QUICK else pytest.mark.full,
        )
        for order in ORDERS
    ],
)
async def test_traffic_is_back_by_itself_after_these_were_killed(
    order: tuple[str, ...], home: Path, repository: Repository
) -> None:
    async with running_platform(home, repository) as platform:
        await deployed(platform, repository.commit("old"))
        serving = await deployed(platform, repository.commit("new"))
        url = await platform.url()
        victims = [await pids_of(platform, home, part) for part in order]

        for pids in victims:
            for pid in pids:
                os.kill(pid, signal.SIGKILL)

        assert await answers(url, "new") < WITHIN

        async def recovered() -> bool:
            now = await platform.deployment(serving.id)
            return now.active and now.status is DeploymentStatus.SUCCESS

        await until(recovered)
        assert len(await pids_of(platform, home, "release")) == 2
        # And the next deployment goes as ever.
        assert (await deployed(platform, repository.commit("next"))).active
        assert (await ask(platform))["release"] == "next"
    assert not processes_of(home)


async def test_the_supervisor_starts_a_new_keeper(
    home: Path, repository: Repository
) -> None:
    async with running_platform(home, repository) as platform:
        await deployed(platform, repository.commit("new"))
        url = await platform.url()
        supervisor = supervisor_of(Places(home))
        assert supervisor is not None
        parent = psutil.Process(supervisor.pid).parent()
        assert parent is not None
        parent.kill()

        async def has_a_keeper() -> bool:
            return any(KEEPER in command for command in processes_of(home).values())

        await until(has_a_keeper)
        log = Places(home).log
        with log.open("ab") as file:
            file.write(b"said\n" * 1_100_000)
        await eventually(lambda: log.stat().st_size < 1_000_000)
        assert log.with_name("supervisor.1.log").stat().st_size > 5_000_000
        supervisor.send(signal.SIGKILL)
        assert await answers(url, "new") < WITHIN
    assert not processes_of(home)


async def test_after_everything_was_killed_up_starts_what_was_active(
    home: Path, repository: Repository
) -> None:
    options = UpOptions(repository=repository.path, port=0, database=False)
    try:
        await bring_up(home, options)
        platform = LocalPlatform(home)
        url = await platform.url()
        serving = await deployed(platform, repository.commit("new"), epoch=3)
        waiting = await platform.deploy(repository.commit("next"), tag="2", epoch=4)
        await settled(platform, waiting.id)
        before = {ProcessMark.of(pid) for pid in processes_of(home)}
        for mark in before:
            assert mark is not None
            mark.send(signal.SIGKILL)

        await bring_up(home, UpOptions())

        assert await answers(url, "new") < WITHIN
        assert (await ask(platform))["deployment_id"] == serving.id
        assert await platform.epoch() == 4
        failed = await platform.deployment(waiting.id)
        assert failed.status is DeploymentStatus.FAILED
        assert "restarted" in failed.reason
        assert not any(mark.alive() for mark in before if mark is not None)
    finally:
        await bring_down(home, timeout=30)
    assert not processes_of(home)


async def test_a_recorded_process_that_outlived_its_supervisor_is_ended(
    home: Path, repository: Repository
) -> None:
    """Outside Linux there is no leash, so nothing else would end it."""
    places = Places(home)
    places.make()
    left = await asyncio.create_subprocess_exec("sleep", "60")
    mark = ProcessMark.of(left.pid)
    assert mark is not None
    stranger = replace(ProcessMark.own(), started=mark.started - 1000)
    recorded = {"dep-1-0": mark, "dep-1-1": stranger}
    save_state(places.state, PlatformState(children=recorded))

    async with running_platform(home, repository), asyncio.timeout(10):
        assert await left.wait() == -signal.SIGKILL


async def test_down_between_two_supervisors_does_not_wait_for_its_deadline(
    home: Path, repository: Repository
) -> None:
    async with running_platform(home, repository) as platform:
        (pid,) = await pids_of(platform, home, "supervisor")
        os.kill(pid, signal.SIGKILL)
        await eventually(lambda: supervisor_of(Places(home)) is None)
        began = time.monotonic()

        assert await bring_down(home, timeout=60)

        assert time.monotonic() - began < 20
    assert not processes_of(home)


async def test_up_comes_after_a_down_that_is_not_over(
    home: Path, repository: Repository
) -> None:
    options = UpOptions(repository=repository.path, port=0, database=False)
    try:
        before, _ = await bring_up(home, options)
        await LocalPlatform(home).stop()

        status, fresh = await bring_up(home, UpOptions())

        assert fresh
        assert status["pid"] != before["pid"]
        assert (await LocalPlatform(home).status())["pid"] == status["pid"]
    finally:
        await bring_down(home, timeout=30)
    assert not processes_of(home)


async def test_the_keeper_outlasts_a_machine_without_descriptors(
    home: Path, repository: Repository
) -> None:
    async with running_platform(home, repository) as platform:
        (pid,) = await pids_of(platform, home, "supervisor")
        parent = psutil.Process(pid).parent()
        assert parent is not None
        resource.prlimit(parent.pid, resource.RLIMIT_NOFILE, (0, 4096))
        os.kill(pid, signal.SIGKILL)
        await asyncio.sleep(0.5)
        assert supervisor_of(Places(home)) is None
        resource.prlimit(parent.pid, resource.RLIMIT_NOFILE, (4096, 4096))

        async def again() -> bool:
            return bool(await pids_of(platform, home, "supervisor"))

        await until(again)
        assert parent.is_running()


async def test_the_keeper_goes_on_trying_what_the_machine_refuses(
    home: Path, repository: Repository, tmp_path: Path
) -> None:
    places, said = Places(home), tmp_path / "said"
    prepare(places, UpOptions(repository=repository.path, port=0, database=False))
    places.log.mkdir()
    with said.open("wb") as output:
        keeper = spawn(
            (sys.executable, "-m", KEEPER, str(home)),
            death_signal=signal.SIGTERM,
            output=output.fileno(),
        )
    try:
        await eventually(lambda: "tried again" in said.read_text())
        await asyncio.sleep(0.5)
        places.log.rmdir()
        await eventually(lambda: supervisor_of(places) is not None)
        assert said.read_text().count("tried again") == 1
    finally:
        await bring_down(home, timeout=20)
        keeper.kill()
        keeper.wait()


async def test_a_second_up_is_harmless(home: Path, repository: Repository) -> None:
    async with running_platform(home, repository) as platform:
        await deployed(platform, repository.commit("new"))
        before = await platform.status()

        status, fresh = await bring_up(home, UpOptions(port=1))

        assert not fresh
        assert status["pid"] == before["pid"]
        assert status["port"] == before["port"]
        assert (await ask(platform))["release"] == "new"
