"""Rotations on the memory platform."""

from typing import Any

from app.backend.deploy.rotating.plan import RotationPlan, RotationRequest, look
from app.backend.deploy.rotating.report import RotationReport
from app.backend.deploy.rotating.rotate import rotate
from app.backend.deploy.tools import Tools
from tests.support.delivery import ENVIRONMENT, Delivery

__all__ = [
    "NAME",
    "NEW",
    "OLD",
    "behave",
    "planned",
    "rotated",
    "serves_with",
    "today",
    "written",
]

NAME = "SOME_SERVICE_KEY"
OLD, NEW = "hunter2-old-value", "hunter3-new-value"


async def planned(
    delivery: Delivery, name: str = NAME, value: str = NEW, **flags: Any
) -> RotationPlan:
    request = RotationRequest(
        name=name,
        value=value,
        environment=ENVIRONMENT,
        actor="test",
        **{"bake": 60.0, "gate_hold": 2.0, "monitor_interval": 5.0} | flags,
    )
    return (await look(request, delivery.tools)).proven("it was asked")


async def rotated(
    delivery: Delivery, tools: Tools | None = None, **flags: Any
) -> RotationReport:
    plan = await planned(delivery, **flags)
    return await rotate(plan, tools or delivery.tools)


async def today(delivery: Delivery) -> str | None:
    return (await delivery.platform.variables()).get(NAME)


async def serves_with(delivery: Delivery) -> str | None:
    active = delivery.platform.active()
    assert active is not None
    return (await delivery.platform.variables(active.id)).get(NAME)


def behave(delivery: Delivery, **behaviour: Any) -> None:
    active = delivery.platform.active()
    assert active is not None
    delivery.platform.behave(active.commit, **behaviour)


def written(delivery: Delivery) -> str:
    """The journal, and everything that was said."""
    files = delivery.home.rglob("*.jsonl")
    return "\n".join([*(one.read_text() for one in files), *delivery.said])
