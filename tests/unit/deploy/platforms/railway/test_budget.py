import time

import pytest

from app.backend.deploy.platforms.railway.budget import ENOUGH, LEAST, concerns_of
from app.backend.deploy.platforms.railway.quota import Quota


def told(left: int) -> Quota:
    quota = Quota()
    quota.saw(
        {
            "x-ratelimit-limit": "100",
            "x-ratelimit-remaining": str(left),
            "x-ratelimit-reset": f"{time.time() + 600:.0f}",
        }
    )
    return quota


def test_who_has_plenty_is_told_nothing() -> None:
    assert [*concerns_of(told(ENOUGH))] == []


def test_without_a_limit_nothing_is_told() -> None:
    assert [*concerns_of(Quota())] == []


@pytest.mark.parametrize(
    ("left", "severity"), [(ENOUGH - 1, "warning"), (LEAST, "warning"), (0, "error")]
)
def test_who_has_little_is_told_how_much_and_until_when(
    left: int, severity: str
) -> None:
    (found,) = concerns_of(told(left))
    assert (found.code, found.severity) == ("request_budget", severity)
    assert found.text.startswith(f"{left} of 100 requests")
    assert "UTC" in found.remedy
