"""A way back, and a gate, where something that they would like to know is not there."""

from pathlib import Path

import pytest
from typing_extensions import override

from app.backend.deploy.platforms.base import (
    Deployment,
    RequestsMade,
    ServiceSettings,
)
from app.backend.deploy.report import Ending
from app.backend.deploy.request import EMERGENCY, RollbackRequest
from app.backend.deploy.rollback import roll_back
from app.errors import ConfigError, PlatformError
from tests.support.delivery import ENVIRONMENT, Delivery
from tests.support.memory_platform import MemoryPlatform

EMERGENCIES = RollbackRequest(
    environment=ENVIRONMENT, actor="test", reason=EMERGENCY, gate_hold=1.0
)


class Without(MemoryPlatform):
    """Lacks what is named.

    Attributes:
        lacking: ``url``, ``settings``; empty: nothing.
    """

    lacking: str = ""

    @override
    async def url(self) -> str:
        if self.lacking == "url":
            raise PlatformError("it has no domain", remedy="generate one")
        return await super().url()

    @override
    async def settings(self, commit: str) -> ServiceSettings:
        if self.lacking == "settings":
            raise ConfigError("railway.toml: no TOML", remedy="correct it")
        return await super().settings(commit)


@pytest.mark.parametrize(
    ("lacking", "ending"),
    [("url", Ending.UNVERIFIED), ("settings", Ending.RESTORED)],
)
async def test_a_way_back_does_not_depend_on_it(
    tmp_path: Path, lacking: str, ending: Ending
) -> None:
    delivery = Delivery(tmp_path)
    delivery.platform = platform = Without(tmp_path / "platform.json")
    delivery.renew()
    first = await delivery.good("one")
    await delivery.good("two")
    platform.lacking = lacking
    report = await roll_back(EMERGENCIES, delivery.tools)
    assert report.ending is ending, report.text()
    active = platform.active()
    assert active
    assert active.commit == first


class FarAway(MemoryPlatform):
    """Runs two replicas here, and two where nobody who asks from here is led to."""

    @override
    async def settings(self, commit: str) -> ServiceSettings:
        regions = {"us-west2": 2, "europe-west4": 2}
        return ServiceSettings(start_command="serve", replicas=4, regions=regions)


async def test_replicas_of_other_regions_are_not_waited_for(tmp_path: Path) -> None:
    delivery = Delivery(tmp_path)
    delivery.platform = FarAway(tmp_path / "platform.json")
    delivery.renew()
    await delivery.good("one")


class Another(MemoryPlatform):
    """Makes something else than it was asked for."""

    @override
    async def deploy(self, commit: str, *, tag: str, epoch: int) -> Deployment:
        return await super().deploy("d" * 40, tag=tag, epoch=epoch)


async def test_what_was_made_of_another_commit_is_no_success(tmp_path: Path) -> None:
    delivery = Delivery(tmp_path)
    delivery.platform = platform = Another(tmp_path / "platform.json")
    delivery.renew()
    report = await delivery.deploy(delivery.commit("one"))
    assert report.ending is Ending.FAILED, report.text()
    assert f"was made of {'d' * 40}" in report.cause
    assert platform.active() is None


class Spent(MemoryPlatform):
    """Takes few more requests.

    Attributes:
        left: so many.
    """

    left: int | None = None

    @override
    async def requests(self) -> RequestsMade | None:
        return RequestsMade(made=1, left=self.left)


@pytest.mark.parametrize(("left", "told"), [(None, True), (25, True), (24, False)])
async def test_requests_that_a_way_back_needs_are_not_spent_on_logs(
    tmp_path: Path, left: int | None, *, told: bool
) -> None:
    delivery = Delivery(tmp_path)
    delivery.platform = platform = Spent(tmp_path / "platform.json")
    platform.left = left
    delivery.renew()
    report = await delivery.deploy(delivery.commit("bad", starts=False))
    assert report.ending is Ending.FAILED, report.text()
    assert bool(report.log) is told
