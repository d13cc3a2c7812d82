"""Two processes that deploy, one lease in PostgreSQL, and the first of them stops.

Railway fences nobody (FACTS §3): whoever has slept longer than the lease lasts must
find that out itself before it changes anything.
"""

import json
import signal
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.support.delivery import git
from tests.support.processes import Child, eventually, start
from tests.support.railway.connected import variables_for
from tests.support.railway.faults import Fault
from tests.support.railway.instant_edge import UsedGround, instant_edge
from tests.support.railway.lifecycle import Status
from tests.support.railway.simulator import Simulator, running
from tests.support.railway_orchestrator import TTL

SCALE = 0.02
PATIENCE = 90.0


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

    @contextmanager
    def process(self, commit: str | None) -> Iterator[Child]:
        """Deploys a commit; None: goes on with what has been begun."""
        order = json.dumps({"checkout": str(self._checkout), "commit": commit})
        output = self._folder / f"{'resume' if commit is None else commit}.log"
        arguments = ["-m", "tests.support.railway_orchestrator", order]
        with start(arguments, output=output, env=self._given) as child:
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


@pytest.mark.full
@pytest.mark.parametrize("reached", ["AutoDeployUpdate", "Deploy"])
async def test_who_wakes_after_the_lease_changes_nothing_any_more(
    terminals: Terminals, reached: str
) -> None:
    railway, new = terminals.railway, terminals.commit("two")
    with terminals.process(new) as zombie:
        await eventually(lambda: railway.asked().get(reached), PATIENCE)
        zombie.signal(signal.SIGSTOP)
        with terminals.process(None) as successor:
            ended = await ending(successor)
            assert ended == "done", successor.output()
        changes = railway.changes()
        zombie.signal(signal.SIGCONT)
        assert await ending(zombie) == "LeaseLostError", zombie.output()

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
    with terminals.process(new) as zombie:
        await eventually(lambda: not slow.left, PATIENCE)
        zombie.signal(signal.SIGSTOP)
        with terminals.process(None) as successor:
            ended = await ending(successor)
            assert ended == "done", successor.output()
        zombie.signal(signal.SIGCONT)
        assert await ending(zombie) == "LeaseLostError", zombie.output()

    assert railway.asked()["Deploy"] == 1
    assert terminals.active() == [new]
    assert not terminals.unfinished()


@pytest.mark.full
async def test_of_two_who_deploy_at_once_one_does(terminals: Terminals) -> None:
    railway, two, three = (
        terminals.railway,
        terminals.commit("two"),
        terminals.commit("three"),
    )
    with terminals.process(two) as one, terminals.process(three) as other:
        endings = [await ending(one), await ending(other)]
    assert sorted(endings) == ["LeaseHeldError", "done"], endings
    assert railway.asked()["Deploy"] == 1
    assert len(terminals.active()) == 1
    serving = railway.serving
    assert serving is not None
    assert railway.status(serving) is Status.SUCCESS
    assert serving.commit == (two if endings[0] == "done" else three)
