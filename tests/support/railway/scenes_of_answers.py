"""How each fault of the API, its logs and its webhooks shows."""

from datetime import UTC, datetime

import httpx
import pytest

from tests.support.odd_server import answer, odd_server
from tests.support.railway.caller import calling
from tests.support.railway.faults import Fault
from tests.support.railway.lifecycle import Status
from tests.support.railway.scenes import GOOD, NEXT, Scene, Stage
from tests.support.railway.waiting import until

__all__ = ["SCENES"]

_IMPATIENT = 0.3


async def _no_answer(stage: Stage, fault: Fault) -> None:
    """Nothing comes back, and nothing was done."""
    stage.faults.add(fault, operation="Deploy")
    async with calling(stage.simulator, patience=_IMPATIENT) as caller:
        with pytest.raises(httpx.TransportError):
            await caller.deploy(NEXT)
    assert [one.commit for one in stage.simulator.deployments] == [GOOD]
    assert stage.simulator.changes() == ["Deploy"]


async def _done_without_answer(stage: Stage, fault: Fault) -> None:
    """Nothing that could be read comes back, and it was done all the same, once."""
    stage.faults.add(fault, operation="Deploy")
    async with calling(stage.simulator, patience=_IMPATIENT) as caller:
        if fault is Fault.AFTER_MUTATION_ERROR:
            told = await caller.ask("Deploy", **caller.place, commitSha=NEXT)
            assert (told.status, told.body) == (504, None)
        else:
            with pytest.raises(httpx.TransportError):
                await caller.deploy(NEXT)
    assert [one.commit for one in stage.simulator.deployments] == [GOOD, NEXT]
    # The connection is of no use any more, and the API of the same as before.
    assert len(await stage.caller.deployments()) == 2


async def _cut(stage: Stage, fault: Fault) -> None:
    stage.faults.add(fault)
    with pytest.raises(httpx.TransportError):
        await stage.caller.deployments()
    assert len(await stage.caller.deployments()) == 1


async def _slow(stage: Stage, fault: Fault) -> None:
    stage.faults.add(fault, seconds=20.0)
    clock = stage.simulator.world.clock
    begin = clock.elapsed()
    await stage.caller.deployments()
    assert clock.elapsed() - begin > 20


async def _late(stage: Stage, fault: Fault) -> None:
    """Who has asked is gone, and it is done all the same, once, by its time."""

    def deployments() -> list[str | None]:
        return [one.commit for one in stage.simulator.deployments]

    held = stage.faults.add(fault, operation="Deploy", seconds=1e6)
    async with calling(stage.simulator, patience=_IMPATIENT) as caller:
        with pytest.raises(httpx.TransportError):
            await caller.deploy(NEXT)
    assert (held.hits, deployments()) == (1, [GOOD])
    held.lands.set()
    await until(deployments, lambda found: found == [GOOD, NEXT])
    stage.faults.add(fault, operation="Deploy")
    begin = stage.simulator.world.clock.elapsed()
    await stage.caller.deploy(GOOD)
    assert stage.simulator.world.clock.elapsed() - begin > 20
    assert deployments() == [GOOD, NEXT, GOOD]


async def _page(stage: Stage, fault: Fault) -> None:
    """HTML or text where JSON is expected, and nothing was done."""
    stage.faults.add(fault, operation="Deploy")
    told = await stage.caller.ask("Deploy", **stage.caller.place, commitSha=NEXT)
    status, text = _PAGES[fault]
    assert told.status == status
    assert text in told.text
    assert told.body is None
    assert len(stage.simulator.deployments) == 1


_PAGES = {
    Fault.SERVER_ERROR: (502, "<html>"),
    Fault.EDGE_LIMITED: (429, "error code: 1015"),
    Fault.EDGE_REFUSED: (403, "error code: 1010"),
}


async def _rate_limited(stage: Stage, fault: Fault) -> None:
    stage.faults.add(fault, value=7)
    told = await stage.caller.ask("Deploy", **stage.caller.place, commitSha=NEXT)
    assert told.status == 429
    assert told.headers["retry-after"] == "7"
    assert told.body["errors"]
    assert len(stage.simulator.deployments) == 1


async def _refused(stage: Stage, fault: Fault) -> None:
    """HTTP 200 with an error, and nothing was done."""
    stage.faults.add(fault, operation="Deploy")
    told = await stage.caller.ask("Deploy", **stage.caller.place, commitSha=NEXT)
    assert told.status == 200
    assert told.body["data"] is None
    assert _REFUSALS[fault] in told.message
    assert len(stage.simulator.deployments) == 1


_REFUSALS = {
    Fault.PROBLEM: "Problem processing request",
    Fault.NOT_AUTHORIZED: "Not Authorized",
    Fault.TWO_FACTOR: "Two Factor Authentication Required",
    Fault.TOO_QUICKLY: "too quickly",
    Fault.DEPLOY_LIMIT: "Service deployment rate limit exceeded",
}


async def _null(stage: Stage, fault: Fault) -> None:
    stage.faults.add(fault)
    told = await stage.caller.ask("Deploy", **stage.caller.place, commitSha=NEXT)
    assert (told.status, told.body) == (200, {"data": None})
    assert len(stage.simulator.deployments) == 2


async def _false(stage: Stage, fault: Fault) -> None:
    stage.faults.add(fault, operation="Cancel")
    record = await stage.next(Status.BUILDING)
    told = await stage.caller.ask("Cancel", id=record.id)
    assert (told.status, told.body) == (200, {"data": {"deploymentCancel": False}})
    assert await stage.simulator.settled(record) is Status.SUCCESS


async def _partial(stage: Stage, fault: Fault) -> None:
    stage.faults.add(fault)
    text = "{ projectToken { projectId } projects { edges { node { id } } } }"
    told = await stage.caller.send(text)
    assert told.status == 200
    assert told.body["errors"][0]["path"] == ["projectToken"]
    assert told.body["data"]["projectToken"] is None


async def _lines(stage: Stage, fault: Fault) -> None:
    lines = await stage.caller.lines(stage.good)
    stage.faults.add(fault)
    bent = await stage.caller.lines(stage.good)
    if fault is Fault.LOG_LINES_TWICE:
        assert bent == [line for line in lines for _ in range(2)]
    else:
        assert bent == lines[::2]


async def _skew(stage: Stage, fault: Fault) -> None:
    stage.faults.add(fault, seconds=3600.0)
    told = await stage.caller.deployment(stage.good)
    ahead = datetime.fromisoformat(told["createdAt"]) - datetime.now(UTC)
    assert 3500 < ahead.total_seconds() < 3700
    stage.faults.clear()
    told = await stage.caller.deployment(stage.good)
    assert datetime.fromisoformat(told["createdAt"]) < datetime.now(UTC)


async def _stale(stage: Stage, fault: Fault) -> None:
    record = await stage.next(Status.SUCCESS)
    stage.faults.add(fault)
    assert [one["id"] for one in await stage.caller.deployments()] == [stage.good.id]
    assert (await stage.caller.deployments())[0]["id"] == record.id


async def _webhooks(stage: Stage, fault: Fault) -> None:
    stage.faults.add(fault, seconds=150.0)
    simulator = stage.simulator
    async with odd_server({"/hook": [answer(code=204, body=b"")]}) as listener:
        simulator.webhooks.addresses.append(f"{listener.url}/hook")
        await stage.next(Status.SUCCESS)
        # Of building, deploying, deployed, and the old one removed.
        expected = 5 if fault is Fault.WEBHOOKS_TWICE else 4
        await until(lambda: len(listener.asked), lambda count: count == expected)
        await until(lambda: len(simulator.webhooks.sent), lambda n: n == expected)
        simulator.webhooks.addresses.clear()
    kinds = [body["type"].partition(".")[2] for body in simulator.webhooks.sent]
    if fault is Fault.WEBHOOKS_TWICE:
        assert kinds.count("building") == 2
    else:
        assert kinds[-1] == "building"


SCENES: dict[Fault, Scene] = {
    Fault.DOWN: _no_answer,
    Fault.TIMEOUT: _no_answer,
    Fault.AFTER_MUTATION_TIMEOUT: _done_without_answer,
    Fault.AFTER_MUTATION_ERROR: _done_without_answer,
    Fault.AFTER_MUTATION_CUT: _done_without_answer,
    Fault.CUT: _cut,
    Fault.SLOW: _slow,
    Fault.LATE: _late,
    **dict.fromkeys(_PAGES, _page),
    Fault.RATE_LIMITED: _rate_limited,
    **dict.fromkeys(_REFUSALS, _refused),
    Fault.DATA_NULL: _null,
    Fault.SAYS_FALSE: _false,
    Fault.PARTIAL_DATA: _partial,
    Fault.LOG_LINES_TWICE: _lines,
    Fault.LOG_LINES_MISSING: _lines,
    Fault.CLOCK_SKEW: _skew,
    Fault.STALE_READS: _stale,
    Fault.WEBHOOKS_TWICE: _webhooks,
    Fault.WEBHOOKS_LATE: _webhooks,
}
