import pytest

from app.backend.deploy.watching.samples import CheckReading, same_commit
from app.backend.health.models import Status
from tests.support.samples import EXPECTED, check, health, route

COMMIT = "c0ffee2" + "0" * 33


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        (COMMIT, COMMIT, True),
        (COMMIT, COMMIT.upper(), True),
        ("sha256:" + "0" * 64, COMMIT, None),
        ("registry.example/shop", "c0ffee2", None),
        (COMMIT[:7], COMMIT, True),
        (COMMIT, COMMIT[:12], True),
        (COMMIT[:6], COMMIT, False),
        ("c0ffee", "c0ffee", True),
        ("decade5", COMMIT, False),
        ("", COMMIT, None),
        ("unknown", COMMIT, None),
        (COMMIT, "unknown", None),
        ("abc", "unknown", None),
    ],
)
def test_two_ids_mean_one_commit_when_one_begins_the_other(
    one: str, other: str, same: object
) -> None:
    assert same_commit(one, other) is same


@pytest.mark.parametrize(
    ("deployment", "commit", "serves"),
    [
        ("d-2", "c0ffee2", True),
        ("d-2", None, True),
        ("d-2", "unknown", True),
        ("d-2", "decade5", False),
        ("d-1", "c0ffee2", False),
        ("d-1", None, False),
        (None, "c0ffee2", True),
        (None, "decade5", False),
        (None, "unknown", None),
        (None, None, None),
    ],
)
def test_the_right_release_is_told_by_all_that_is_known(
    deployment: str | None, commit: str | None, serves: object
) -> None:
    sample = health(deployment=deployment, commit=commit)

    assert sample.serves(EXPECTED) is serves


def test_whose_behaviour_a_sample_shows() -> None:
    assert route(replica="r1").key == "r1"
    assert route(replica=None).key == "public"
    assert route().place == "public:/orders"


@pytest.mark.parametrize("status", Status)
def test_a_check_is_bad_when_its_users_cannot_work(status: Status) -> None:
    reading = CheckReading("database", status, critical=True, shared=True)

    assert reading.bad is (status in {Status.UNHEALTHY, Status.UNKNOWN})


def test_the_bad_ones_of_the_shared_checks_are_listed() -> None:
    sample = health(
        check("database", Status.UNHEALTHY),
        check("cache", Status.DEGRADED),
        check("application", Status.UNHEALTHY, shared=False),
    )

    assert sample.shared_bad == {"database"}
    assert sample.to_dict()["shared_bad"] == ["database"]
