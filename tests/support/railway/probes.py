"""The health probe as scripted faults bend it."""

from http import HTTPStatus
from typing import Final

from tests.support.railway.checking import Probe
from tests.support.railway.faults import Fault, Scripted
from tests.support.railway.records import Record
from tests.support.railway.world import World

__all__ = ["faulty"]

_FLAPS: Final = (HTTPStatus.SERVICE_UNAVAILABLE, None, HTTPStatus.SERVICE_UNAVAILABLE)


def faulty(world: World, record: Record, probe: Probe) -> Probe:
    """The same probe, or what a fault makes of it."""
    faults, commit = world.faults, record.commit
    if faults.take(Fault.NEVER_HEALTHY, commit=commit):
        return _always(None)
    if fault := faults.take(Fault.HEALTH_STATUS, commit=commit):
        return _always(fault.number(HTTPStatus.SERVICE_UNAVAILABLE))
    if fault := faults.take(Fault.HEALTH_SLOW, commit=commit):
        return _slow(world, fault, probe)
    if faults.take(Fault.HEALTH_FLAPS, commit=commit):
        return _flapping(probe)
    return probe


def _always(status: int | None) -> Probe:
    async def answer(_replica: int, _timeout: float) -> int | None:
        return status

    return answer


def _slow(world: World, fault: Scripted, probe: Probe) -> Probe:
    end = world.clock.elapsed() + fault.lasting(20.0)

    async def answer(replica: int, timeout: float) -> int | None:  # noqa: ASYNC109 - one attempt's
        if world.clock.elapsed() < end:
            await world.clock.sleep(timeout / world.clock.scale)
            return None
        return await probe(replica, timeout)

    return answer


def _flapping(probe: Probe) -> Probe:
    asked: dict[int, int] = {}

    async def answer(replica: int, timeout: float) -> int | None:  # noqa: ASYNC109 - one attempt's
        number = asked[replica] = asked.get(replica, -1) + 1
        if number < len(_FLAPS):
            return _FLAPS[number]
        return await probe(replica, timeout)

    return answer
