from datetime import UTC, datetime, timedelta
from typing import Any

from app.backend.deploy.platforms.railway.deployments import newest_first, read_all
from app.backend.deploy.platforms.railway.finding import created_since, earliest
from app.backend.deploy.platforms.railway.picture import Picture

TAG = "20260101-120000-abcd/back"
BEGUN = datetime(2026, 1, 1, 12, tzinfo=UTC)


def test_nothing_is_a_runs_that_was_there_before_it_by_railways_clock() -> None:
    ahead = earliest(TAG, timedelta(seconds=600))
    behind = earliest(TAG, timedelta(seconds=-600))
    assert ahead == BEGUN + timedelta(seconds=570)
    assert behind == BEGUN - timedelta(seconds=630)


def test_clocks_that_were_not_compared_may_differ_by_minutes() -> None:
    assert earliest(TAG, None) == BEGUN - timedelta(seconds=300)


def test_a_tag_that_is_no_runs_tells_no_time() -> None:
    assert earliest("somebody", None) is None


def node(name: str, minute: int, **meta: str) -> dict[str, Any]:
    return {
        "id": name,
        "status": "INITIALIZING",
        "createdAt": (BEGUN + timedelta(minutes=minute)).isoformat(),
        "statusUpdatedAt": None,
        "canRollback": False,
        "deploymentStopped": True,
        "meta": meta,
    }


def picture(*nodes: dict[str, Any]) -> Picture:
    return Picture(
        at=0.0,
        depth=50,
        complete=True,
        nodes=newest_first(nodes),
        deployments=read_all(nodes, (), plan=None, settings_of=lambda _: None),
        custom_domains=(),
        service_domains=(),
        shield_until=None,
    )


OLD = node("old", 0, imageDigest="sha256:1", commitHash="a" * 40)
LIKE = {"meta": {"imageDigest": "sha256:1", "commitHash": "a" * 40}}


def test_what_somebody_has_uploaded_meanwhile_is_not_what_was_asked_for() -> None:
    upload = node("upload", 1, cliMessage="a fix")
    own = node("own", 2, commitHash="a" * 40)
    assert created_since(picture(OLD, upload), picture(OLD), LIKE) is None
    found = created_since(picture(OLD, upload, own), picture(OLD), LIKE)
    assert found is not None
    assert found.id == "own"


def test_the_only_new_one_is_taken_for_it_where_it_never_tells_what_it_is() -> None:
    one, other = node("one", 1), node("other", 2)
    before = picture(OLD)
    found = created_since(picture(OLD, one), before, LIKE, untold=True)
    assert found is not None
    assert found.id == "one"
    assert created_since(picture(OLD, one, other), before, LIKE, untold=True) is None
    another = node("another", 1, commitHash="b" * 40)
    assert created_since(picture(OLD, another), before, LIKE, untold=True) is None
