from datetime import UTC, datetime, timedelta

from app.backend.deploy.platforms.railway.finding import earliest

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
