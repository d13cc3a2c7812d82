"""The supervisor's decisions in this process, where its disk and its lease fail."""

import asyncio
import os
import signal
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path

import pytest

from app.backend.deploy.platforms.base import Deployment, DeploymentStatus
from app.backend.deploy.platforms.local.attendants import Database, Proxy
from app.backend.deploy.platforms.local.caddy import ProxyPlaces
from app.backend.deploy.platforms.local.desk import Desk
from app.backend.deploy.platforms.local.ground import Ground
from app.backend.deploy.platforms.local.places import Places
from app.backend.deploy.platforms.local.releases import Releases
from app.backend.deploy.platforms.local.roster import Roster
from app.backend.deploy.platforms.local.sockets import point, pointed_at
from app.backend.deploy.platforms.local.state import StateStore, load_state
from app.backend.deploy.platforms.local.supervisor import Supervisor
from app.backend.deploy.platforms.local.traffic import TrafficLog
from app.backend.deploy.platforms.local.venvs import Venvs
from app.backend.processes import ProcessMark
from app.errors import LeaseLostError, PlatformError, PlatformUnreachableError
from tests.support.local_platform import RAILWAY_TOML, Repository
from tests.support.service import until

Status = DeploymentStatus
DatabaseUrl = Callable[[], Awaitable[str | None]]
ROOT = Path(__file__).resolve().parents[3]
OVERLAPPING = RAILWAY_TOML.replace("overlapSeconds = 0", "overlapSeconds = 30")


async def no_database() -> str | None:
    return None


class Stage:
    """A supervisor without a process of its own, and what it stands on."""

    def __init__(
        self, home: Path, repository: Repository, url: DatabaseUrl = no_database
    ) -> None:
        self.places = Places(home)
        self.places.make()
        self.run = home / "run"
        self.run.mkdir(exist_ok=True)
        self.active = self.run / "active"
        self.marks: dict[str, ProcessMark | None] = {}
        self.store = StateStore.load(self.places.state)
        self.ground = Ground(
            places=self.places,
            run=self.run,
            store=self.store,
            releases=Releases(repository.path, self.places.releases),
            venvs=Venvs(self.places.venvs, ROOT / "requirements.txt"),
            database_url=url,
            note=self.marks.__setitem__,
        )
        self.roster = Roster(self.ground)
        self.supervisor = Supervisor(self.ground, self.roster, self.active)

    def desk(self) -> Desk:
        root = self.places.root
        proxy = ProxyPlaces(
            config=root / "caddy.json",
            log=root / "caddy.log",
            access_log=root / "access.log",
            admin=self.run / "admin.sock",
            active=self.active,
        )
        return Desk(
            self.ground,
            self.roster,
            self.supervisor,
            proxy=Proxy(proxy, self.marks.__setitem__),
            database=Database(self.places.home),
            traffic=TrafficLog(root / "access.log", root / "counters.json"),
            stop=self.supervisor.refuse,
        )

    async def become(self, deployment: str, status: Status) -> Deployment:
        async def so() -> Deployment | None:
            found = self.roster.deployment(deployment)
            return found if found.status is status else None

        return await until(so)

    async def deployed(self, commit: str, tag: str, epoch: int = 1) -> Deployment:
        begun = await self.supervisor.deploy(commit, tag=tag, epoch=epoch)
        await self.become(begun.id, Status.READY)
        return await self.supervisor.switch(begun.id, epoch=epoch)

    @property
    def pointed(self) -> str:
        folder = pointed_at(self.active)
        return "" if folder is None else folder.name


@asynccontextmanager
async def staged(
    home: Path, repository: Repository, url: DatabaseUrl = no_database
) -> AsyncIterator[Stage]:
    stage = Stage(home, repository, url)
    try:
        yield stage
    finally:
        async with asyncio.timeout(20):
            await stage.supervisor.stop()


@pytest.fixture
async def stage(home: Path, repository: Repository) -> AsyncIterator[Stage]:
    async with staged(home, repository) as one:
        yield one


def unwritable(path: Path) -> Path:
    """Makes replacing a file fail, for root as well; to be removed again."""
    draft = path.with_name(f"{path.name}.{os.getpid()}")
    draft.mkdir()
    return draft


async def test_a_switch_that_failed_has_not_happened_and_can_be_repeated(
    stage: Stage, repository: Repository
) -> None:
    old = await stage.deployed(repository.commit("old"), "1")
    begun = await stage.supervisor.deploy(repository.commit("new"), tag="2", epoch=1)
    await stage.become(begun.id, Status.READY)
    obstacle = unwritable(stage.active)

    for _ in range(2):
        with pytest.raises(OSError, match="directory"):
            await stage.supervisor.switch(begun.id, epoch=1)

    assert stage.pointed == old.id
    assert load_state(stage.places.state).active == old.id
    assert stage.roster.deployment(begun.id).status is Status.READY
    obstacle.rmdir()
    assert (await stage.supervisor.switch(begun.id, epoch=1)).active
    assert stage.pointed == begun.id
    await stage.become(old.id, Status.REMOVED)


async def test_a_switch_that_cannot_be_written_down_is_known_all_the_same(
    stage: Stage, repository: Repository
) -> None:
    begun = await stage.supervisor.deploy(repository.commit("new"), tag="1", epoch=1)
    await stage.become(begun.id, Status.READY)
    obstacle = unwritable(stage.places.state)

    assert (await stage.supervisor.switch(begun.id, epoch=1)).active

    assert stage.pointed == begun.id
    obstacle.rmdir()
    stage.supervisor.fence(2)
    assert load_state(stage.places.state).active == begun.id


async def test_a_switch_asked_for_again_is_made_where_the_proxy_does_not_know_it(
    stage: Stage, repository: Repository
) -> None:
    old = await stage.deployed(repository.commit("old"), "1")
    new = await stage.deployed(repository.commit("new"), "2")
    point(stage.active, stage.run / old.id)

    again = await stage.supervisor.switch(new.id, epoch=1)

    assert (again.active, again.status) == (True, Status.SUCCESS)
    assert stage.pointed == new.id


async def test_a_rollback_does_not_switch_for_a_lease_that_is_over(
    stage: Stage, repository: Repository
) -> None:
    old = await stage.deployed(repository.commit("old"), "1", epoch=5)
    new = await stage.deployed(repository.commit("new"), "2", epoch=5)
    await stage.become(old.id, Status.REMOVED)

    back = await stage.supervisor.roll_back(
        old.id, tag="back", epoch=5, variables="target"
    )
    stage.supervisor.fence(6)

    await stage.become(back.id, Status.READY)
    assert stage.pointed == new.id
    again = await stage.supervisor.roll_back(
        old.id, tag="back", epoch=6, variables="target"
    )
    assert (again.id, again.active) == (back.id, True)
    assert stage.pointed == back.id


async def test_a_rollback_is_not_begun_for_a_lease_that_ended_during_its_first_aid(
    stage: Stage, repository: Repository
) -> None:
    old = await stage.deployed(repository.commit("old", railway__toml=OVERLAPPING), "1")
    new = await stage.deployed(repository.commit("new", railway__toml=OVERLAPPING), "2")

    back = asyncio.create_task(
        stage.supervisor.roll_back(old.id, tag="back", epoch=1, variables="target")
    )
    await asyncio.sleep(0)
    stage.supervisor.fence(2)

    with pytest.raises(LeaseLostError):
        await back
    assert stage.pointed == new.id
    assert len(stage.roster.records) == 2


async def test_a_command_does_not_start_for_a_lease_that_ended_while_it_was_prepared(
    home: Path, repository: Repository
) -> None:
    asked, known = asyncio.Event(), asyncio.Event()

    async def late() -> str | None:
        asked.set()
        await known.wait()
        return None

    commit = repository.commit("new", note__txt="x")
    async with staged(home, repository, late) as stage:
        run = stage.desk().answers["run"]
        request = {"commit": commit, "command": ["true"], "epoch": 5, "timeout": 5}
        running = asyncio.ensure_future(run(request))  # type: ignore[arg-type]
        await asyncio.wait_for(asked.wait(), 20)
        stage.roster.tidy()
        assert stage.ground.releases.present(commit)
        stage.supervisor.fence(6)
        known.set()

        with pytest.raises(LeaseLostError):
            await running
        assert not stage.marks
        stage.roster.tidy()
        assert not stage.ground.releases.present(commit)


async def test_what_served_is_started_until_it_can_be(
    home: Path, repository: Repository
) -> None:
    async with staged(home, repository) as stage:
        serving = await stage.deployed(repository.commit("new"), "1")
    answers: list[Exception | None] = [PlatformError("no PostgreSQL yet"), None]

    async def late() -> str | None:
        if (error := answers.pop(0)) is not None:
            raise error
        return None

    async with staged(home, repository, late) as stage:
        stage.supervisor.resume()
        await stage.become(serving.id, Status.CRASHED)
        assert "no PostgreSQL yet" in stage.roster.deployment(serving.id).reason
        stage.active.unlink()
        with pytest.raises(PlatformError, match="not ready to serve"):
            await stage.supervisor.switch(serving.id, epoch=1)

        back = await stage.become(serving.id, Status.SUCCESS)

        assert (back.active, back.reason) == (True, "")
        await until(partial(_healthy, stage, serving.id))


async def _healthy(stage: Stage, deployment: str) -> bool:
    replicas = stage.roster.lives[deployment].replicas
    return replicas is not None and not await replicas.ill()


async def test_the_platform_ends_while_what_served_is_not_started_yet(
    home: Path, repository: Repository
) -> None:
    async with staged(home, repository) as stage:
        serving = await stage.deployed(repository.commit("new"), "1")
    asked = asyncio.Event()

    async def never() -> str | None:
        asked.set()
        await asyncio.Event().wait()
        return None

    async with staged(home, repository, never) as stage:
        stage.supervisor.resume()
        await asyncio.wait_for(asked.wait(), 20)
        async with asyncio.timeout(5):
            await stage.supervisor.stop()
    assert stage.roster.deployment(serving.id).active


async def test_what_nobody_has_thought_of_fails_a_deployment_and_says_so(
    home: Path, repository: Repository
) -> None:
    async def broken() -> str | None:
        raise RuntimeError("who would have thought")

    async with staged(home, repository, broken) as stage:
        begun = await stage.supervisor.deploy(
            repository.commit("new"), tag="1", epoch=1
        )
        failed = await stage.become(begun.id, Status.FAILED)

    assert "RuntimeError: who would have thought" in failed.reason
    assert begun.id not in stage.roster.lives


async def test_a_deployment_ends_whole_although_its_caller_hangs_up(
    stage: Stage, repository: Repository
) -> None:
    begun = await stage.supervisor.deploy(repository.commit("new"), tag="1", epoch=1)
    await stage.become(begun.id, Status.READY)
    cancel = stage.desk().answers["cancel"]
    request = {"deployment": begun.id, "epoch": 1}

    caller = asyncio.ensure_future(cancel(request))  # type: ignore[arg-type]
    await asyncio.sleep(0.05)
    assert caller.cancel()

    await stage.become(begun.id, Status.CANCELLED)
    assert set(stage.marks.values()) == {None}


async def test_a_platform_that_ends_takes_no_further_work(
    stage: Stage, repository: Repository
) -> None:
    commit = repository.commit("new")
    stage.supervisor.refuse()

    with pytest.raises(PlatformUnreachableError) as refused:
        await stage.supervisor.deploy(commit, tag="1", epoch=1)

    assert "pm33 platform up" in refused.value.remedy


async def test_a_tag_means_one_thing(stage: Stage, repository: Repository) -> None:
    old = await stage.deployed(repository.commit("old"), "1")
    supervisor = stage.supervisor

    with pytest.raises(PlatformError, match="1 has begun"):
        await supervisor.deploy(repository.commit("new"), tag="1", epoch=1)
    with pytest.raises(PlatformError, match="1 has begun"):
        await supervisor.roll_back(old.id, tag="1", epoch=1, variables="target")


async def test_one_replica_that_is_given_up_is_told(
    stage: Stage, repository: Repository
) -> None:
    settings = RAILWAY_TOML.replace("MaxRetries = 3", "MaxRetries = 0")
    commit = repository.commit("new", railway__toml=settings)
    new = await stage.deployed(commit, "1")
    mark = stage.marks[f"{new.id}-1"]
    assert mark is not None
    assert not new.reason

    os.kill(mark.pid, signal.SIGKILL)

    async def told() -> str:
        return stage.roster.deployment(new.id).reason

    assert f"{new.id}-1: it ended with signal 9" in await until(told)
    assert stage.roster.deployment(new.id).status is Status.SUCCESS
