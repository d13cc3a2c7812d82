from datetime import UTC, datetime

import pytest

from app.backend.deploy.pipeline import new_run_id
from app.backend.deploy.platforms.railway.tags import begun_at


def test_a_runs_id_tells_when_it_began() -> None:
    began = datetime(2026, 11, 23, 8, 46, 5, tzinfo=UTC)
    assert begun_at(new_run_id(began)) == began
    assert begun_at(f"{new_run_id(began)}/back-again") == began


@pytest.mark.parametrize(
    "tag", ["", "a-tag", "20261323-084605-a", "x20261123-084605-a"]
)
def test_any_other_tag_tells_nothing(tag: str) -> None:
    assert begun_at(tag) is None
