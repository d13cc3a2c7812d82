"""Two processes that deploy, one lease in PostgreSQL, and the first of them stops.

Railway fences nobody (FACTS §3): whoever has slept longer than the lease lasts must
find that out itself before it changes anything.
"""

import fcntl
import json
import signal
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from app.backend.deploy.platforms.railway.unseen import SETTLED
from app.backend.deploy.records.journal_file import journal_path
from tests.support.delivery import git
from tests.support.processes import Child, eventually, start
from tests.support.railway.connected import variables_for
from tests.support.railway.faults import Fault
from tests.support.railway.instant_edge import UsedGround, instant_edge
from tests.support.railway.lifecycle import Status
from tests.support.railway.simulator import Simulator, running
from tests.support.railway_orchestrator import TTL, Does
from tests.support.railway_platform import ENVIRONMENT

SCALE = 0.02
PATIENCE = SETTLED + 60.0
"""Seconds. Who may have asked, and has not, is waited for until that is certain."""
FOR_EVER = 1e6
LOOKS = "an earlier process may have asked for it; that is looked for first"


class Terminals:
    """Where several people deploy from, each in a process of their own."""

    def __init__(self, folder: Path, railway: Simulator, given: dict[str, str]) -> None:
        self.railway = railway
        self._folder = folder
        self._given = given
        self._checkout = folder / "checkout"
        self._checkout.mkdir()
        git(self._checkout, "init", "--quiet", "--initial-branch=main")

    def commit(self, name: str) -> str:
        git(self._checkout, "commit", "--quiet", "--allow-empty", "-m", name)
        return git(self._checkout, "rev-parse", "HEAD")

    def home(self, whose: str) -> Path:
        return self._folder / whose

    @contextmanager
    def process(
        self, whose: str, does: Does, commit: str | None = None, bake: float = 1.0
    ) -> Iterator[Child]:
        """Somebody does something, from a home of their own."""
        self.home(whose).mkdir(exist_ok=True)
        order = {
            "checkout": str(self._checkout),
            "does": does,
            "commit": commit,
            "bake": bake,
        }
        arguments = ["-m", "tests.support.railway_orchestrator", json.dumps(order)]
        env = self._given | {"PM33_HOME": str(self.home(whose))}
        output = self._folder / f"{whose}.log"
        with start(arguments, output=output, env=env) as child:
            yield child

    def active(self) -> list[str | None]:
        """The commits that Railway calls active."""
        world = self.railway.world
        return [world.records[one].commit for one in world.roster.active]

    def unfinished(self) -> int:
        """How many may still come to serve."""
        status = self.railway.status
        return sum(status(one).is_unfinished for one in self.railway.deployments)


@pytest.fixture
async def terminals(tmp_path: Path, database_url: str) -> AsyncIterator[Terminals]:
    ground = UsedGround()
    async with instant_edge() as edge, running(ground, scale=SCALE) as railway:
        edge.simulator = ground.simulator = railway
        given = variables_for(railway, tmp_path) | {
            "PM33_PLATFORM": "railway",
            "PM33_PUBLIC_URL": edge.url,
            "PM33_RAILWAY_ENVIRONMENT": railway.environment.name,
            "DATABASE_URL": database_url,
        }
        terminals = Terminals(tmp_path, railway, given)
        await railway.deploys(terminals.commit("one"))
        yield terminals


async def ending(child: Child) -> str:
    await child.exit_code(PATIENCE)
    return child.output().splitlines()[-1]


async def succeeds(
    terminals: Terminals, does: Does = Does.RESUME, brings: str = "done"
) -> None:
    with terminals.process("the successor", does) as successor:
        assert await ending(successor) == brings, successor.output()


async def wakes_and_gives_up(zombie: Child) -> None:
    zombie.signal(signal.SIGCONT)
    ended = await ending(zombie)
    # By the lease, or by what it finds beside it if it was about to look.
    assert ended in {"LeaseLostError", "PreflightError"}, zombie.output()


@pytest.mark.full
@pytest.mark.parametrize("reached", ["AutoDeployUpdate", "Deploy"])
async def test_who_wakes_after_the_lease_changes_nothing_any_more(
    terminals: Terminals, reached: str
) -> None:
    railway, new = terminals.railway, terminals.commit("two")
    with terminals.process("the zombie", Does.DEPLOY, new) as zombie:
        await eventually(lambda: railway.asked().get(reached), PATIENCE)
        zombie.signal(signal.SIGSTOP)
        await succeeds(terminals)
        changes = railway.changes()
        await wakes_and_gives_up(zombie)

    assert railway.changes() == changes
    assert railway.asked()["Deploy"] == 1
    assert terminals.active() == [new]
    assert not terminals.unfinished()


@pytest.mark.full
async def test_a_change_in_flight_when_its_sender_stops_is_found_not_repeated(
    terminals: Terminals,
) -> None:
    railway, new = terminals.railway, terminals.commit("two")
    slow = railway.faults.add(Fault.SLOW, operation="Deploy", seconds=2 * TTL / SCALE)
    with terminals.process("the zombie", Does.DEPLOY, new) as zombie:
        await eventually(lambda: not slow.left, PATIENCE)
        zombie.signal(signal.SIGSTOP)
        await succeeds(terminals)
        await wakes_and_gives_up(zombie)

    assert railway.asked()["Deploy"] == 1
    assert terminals.active() == [new]
    assert not terminals.unfinished()


@pytest.mark.full
@pytest.mark.parametrize("reached", ["AutoDeployUpdate", "Rollback"])
async def test_who_wakes_in_the_middle_of_a_way_back_changes_nothing_any_more(
    terminals: Terminals, reached: str
) -> None:
    railway, old = terminals.railway, terminals.active()
    await railway.deploys(terminals.commit("two"))
    with terminals.process("the zombie", Does.GO_BACK) as zombie:
        await eventually(lambda: railway.asked().get(reached), PATIENCE)
        zombie.signal(signal.SIGSTOP)
        await succeeds(terminals, brings="restored")
        changes = railway.changes()
        await wakes_and_gives_up(zombie)

    assert railway.changes() == changes
    assert railway.asked()["Rollback"] == 1
    assert terminals.active() == old
    assert not terminals.unfinished()


@pytest.mark.full
@pytest.mark.parametrize(
    ("does", "operation"), [(Does.DEPLOY, "Deploy"), (Does.GO_BACK, "Rollback")]
)
async def test_what_lands_while_its_successor_looks_for_it_is_found_not_repeated(
    terminals: Terminals, does: Does, operation: str
) -> None:
    railway, old = terminals.railway, terminals.active()
    new = terminals.commit("two")
    if does is Does.GO_BACK:
        await railway.deploys(new)
    late = railway.faults.add(Fault.LATE, operation=operation, seconds=FOR_EVER)
    with terminals.process("the zombie", does, new) as zombie:
        await eventually(lambda: late.hits, PATIENCE)
        zombie.signal(signal.SIGSTOP)
        with terminals.process("the successor", Does.RESUME) as successor:
            await eventually(lambda: LOOKS in successor.output(), PATIENCE)
            assert operation not in railway.asked()
            late.lands.set()
            ended = await ending(successor)
        await wakes_and_gives_up(zombie)

    assert ended == ("restored" if does is Does.GO_BACK else "done")
    assert railway.asked()[operation] == 1
    assert terminals.active() == (old if does is Does.GO_BACK else [new])
    assert not terminals.unfinished()


@pytest.mark.full
@pytest.mark.parametrize(
    ("does", "operation"), [(Does.DEPLOY, "Deploy"), (Does.GO_BACK, "Rollback")]
)
async def test_what_lands_after_its_successor_is_one_stray_that_the_next_run_ends(
    terminals: Terminals, does: Does, operation: str
) -> None:
    railway, old = terminals.railway, terminals.active()
    await railway.deploys(terminals.commit("two"))
    new = terminals.commit("three")
    late = railway.faults.add(Fault.LATE, operation=operation, seconds=FOR_EVER)
    with terminals.process("the zombie", does, new) as zombie:
        await eventually(lambda: late.hits, PATIENCE)
        zombie.signal(signal.SIGSTOP)
        await succeeds(terminals, Does.GO_BACK, brings="restored")
        assert terminals.active() == old
        known, changes = len(railway.deployments), railway.changes()
        late.lands.set()
        await eventually(lambda: railway.changes() == [*changes, operation])
        (stray,) = railway.deployments[known:]
        await railway.settled(stray)
        await wakes_and_gives_up(zombie)

    assert railway.changes() == [*changes, operation]
    assert terminals.active() == ([new] if does is Does.DEPLOY else old)
    assert not terminals.unfinished()
    four = terminals.commit("four")
    with terminals.process("the next", Does.DEPLOY, four) as after:
        assert await ending(after) == "done", after.output()
    assert await railway.reaches(stray, Status.REMOVED) is Status.REMOVED
    assert terminals.active() == [four]


@pytest.mark.full
async def test_a_journal_that_somebody_keeps_locked_keeps_nobody_from_going_on(
    terminals: Terminals,
) -> None:
    railway, new = terminals.railway, terminals.commit("two")
    with terminals.process("the dead", Does.DEPLOY, new) as dead:
        await eventually(lambda: railway.asked().get("Deploy"), PATIENCE)
        dead.signal(signal.SIGKILL)
        await dead.exit_code()
    file = journal_path(terminals.home("the successor"), ENVIRONMENT)
    file.parent.mkdir(parents=True)
    with file.open("w", encoding="utf-8") as locked:
        fcntl.flock(locked, fcntl.LOCK_EX)
        await succeeds(terminals)

    assert railway.asked()["Deploy"] == 1
    assert terminals.active() == [new]


@pytest.mark.full
async def test_of_two_who_deploy_at_once_one_does(terminals: Terminals) -> None:
    railway, two, three = (
        terminals.railway,
        terminals.commit("two"),
        terminals.commit("three"),
    )
    with terminals.process("one", Does.DEPLOY, two, bake=10.0) as one:
        await eventually(lambda: railway.asked().get("Deploy"), PATIENCE)
        with terminals.process("other", Does.DEPLOY, three) as other:
            assert await ending(other) == "LeaseHeldError", other.output()
        assert await ending(one) == "done", one.output()

    assert railway.asked()["Deploy"] == 1
    assert terminals.active() == [two]
