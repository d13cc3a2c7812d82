from dataclasses import replace
from datetime import UTC, datetime

import pytest

from app.backend.deploy.pipeline import new_run_id
from app.backend.deploy.platforms.deployment import Deployment, DeploymentStatus
from app.backend.deploy.platforms.railway.api import RailwayApi
from app.backend.deploy.platforms.railway.tags import Tags, begun_at
from app.backend.deploy.platforms.railway.tokens import Credentials


def test_a_runs_id_tells_when_it_began() -> None:
    began = datetime(2026, 11, 23, 8, 46, 5, tzinfo=UTC)
    assert begun_at(new_run_id(began)) == began
    assert begun_at(f"{new_run_id(began)}/back-again") == began


@pytest.mark.parametrize(
    "tag", ["", "a-tag", "20261323-084605-a", "x20261123-084605-a"]
)
def test_any_other_tag_tells_nothing(tag: str) -> None:
    assert begun_at(tag) is None


@pytest.mark.parametrize(
    ("tag", "repeats", "urgent"),
    [
        ("20261123-084605-a", None, False),
        ("20261123-084605-a/back", None, True),
        ("20261123-084605-a/back-again", None, True),
        ("20261123-084605-a/back", "old", True),
        (None, None, False),
    ],
)
def test_users_wait_for_what_a_way_back_has_asked_for(
    tag: str | None,
    repeats: str | None,
    urgent: bool,  # noqa: FBT001 - a case of the table
) -> None:
    tags = Tags(_nobody_asks())
    one = Deployment(
        id="new",
        commit="c" * 40,
        status=DeploymentStatus.BUILDING,
        created_at=datetime(2026, 1, 1, tzinfo=UTC),
    )
    if tag is not None:
        tags.put(one.id, tag, repeats=repeats)
    assert tags.is_way_back(one) is urgent
    assert tags.is_way_back(replace(one, id="seen", rollback_of="old"))


def _nobody_asks() -> RailwayApi:
    return RailwayApi(_no_credentials, url="http://127.0.0.1:9")


async def _no_credentials() -> Credentials:
    raise AssertionError
