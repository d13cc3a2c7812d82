"""Whether a deployment was run as its plan had said."""

from dataclasses import replace
from pathlib import Path

from typing_extensions import override

from app.backend.deploy.platforms.base import Deployment, ServiceSettings
from app.backend.deploy.report import Ending
from app.backend.deploy.running.as_wanted import unmet, unmet_words
from tests.support.delivery import Delivery
from tests.support.memory_platform import MemoryPlatform

WANTED = ServiceSettings(
    start_command="serve",
    overlap_seconds=20.0,
    sleeps=False,
    build={"dockerfilePath": "Dockerfile"},
)


def test_nothing_is_told_of_what_is_as_wanted_or_does_not_tell() -> None:
    assert unmet(WANTED.to_dict(), WANTED) == {}
    assert unmet(WANTED.to_dict(), None) == {}
    # A plan of an earlier version says less.
    assert unmet({"start_command": "serve"}, WANTED) == {}
    assert unmet_words("d1", {}) == ""


def test_what_was_lost_is_told_by_name_with_both_values() -> None:
    used = ServiceSettings(start_command="serve", sleeps=True)
    found = unmet(WANTED.to_dict(), used)
    assert found == {
        "overlap_seconds": (20.0, 0.0),
        "sleeps": (False, True),
        "dockerfilePath": ("Dockerfile", None),
    }
    assert "overlap_seconds 0.0 instead of 20.0" in unmet_words("d1", found)


def test_regions_are_only_missed_where_some_were_named() -> None:
    regions = {"us-west2": 2, "europe-west4": 1}
    several = replace(WANTED, replicas=3, regions=regions)
    one = replace(WANTED, replicas=3)
    assert unmet(one.to_dict(), several) == {}
    assert unmet(several.to_dict(), one) == {"regions": (regions, {})}


class Losing(MemoryPlatform):
    """Runs every release with one replica, whatever is wanted."""

    @override
    async def deployment(self, deployment: str) -> Deployment:
        found = await super().deployment(deployment)
        used = ServiceSettings(start_command="serve")
        body = found.to_dict() | {"ran_with": used.to_dict()}
        return Deployment.from_dict(body)


async def test_a_deploy_tells_what_its_platform_has_lost(tmp_path: Path) -> None:
    delivery = Delivery(tmp_path)
    delivery.platform = Losing(tmp_path / "platform.json")
    delivery.renew()
    report = await delivery.deploy(delivery.commit("one"))
    assert report.ending is Ending.DONE, report.text()
    assert any("replicas 1 instead of 2" in note for note in report.notes)
    step = (await delivery.runs())[0].step("deploy")
    assert step
    assert step.data["unmet"] == {"replicas": [2, 1]}
