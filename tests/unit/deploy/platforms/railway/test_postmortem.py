from typing import Any

from app.backend.deploy.platforms.railway.postmortem import cause_in


def event(step: str, at: int, **payload: Any) -> dict[str, Any]:
    time = f"2026-01-01T00:00:{at:02d}Z"
    return {"node": {"step": step, "createdAt": time, "payload": payload}}


def lines(*messages: str) -> list[dict[str, str]]:
    return [
        {"timestamp": f"2026-01-01T00:00:{number:02d}Z", "message": one}
        for number, one in enumerate(messages)
    ]


def test_the_step_that_failed_is_named_with_its_error() -> None:
    events = [
        event("BUILD_IMAGE", 1, error=None, reason=None),
        event("PRE_DEPLOY_COMMAND", 2, error="exit code 5"),
    ]
    found = cause_in({"deploymentEvents": {"edges": events}})
    assert found == "the pre-deploy command failed: exit code 5"


def test_the_last_error_counts() -> None:
    events = [
        event("HEALTHCHECK", 9, error="the last"),
        event("BUILD_IMAGE", 1, error="the first"),
    ]
    assert "the last" in cause_in({"deploymentEvents": {"edges": events}})


def test_without_events_the_diagnosis_tells() -> None:
    answer = {"deployment": {"diagnosis": {"message": "out of memory"}}}
    assert cause_in(answer) == "out of memory"


def test_the_health_checks_own_words_tell_more_than_the_last_line() -> None:
    log = lines(
        "Attempt #1 failed with service unavailable. Continuing to retry for 4m49s",
        "1/1 replicas never became healthy!",
        "Healthcheck failed!",
        "bye",
    )
    found = cause_in({"buildLogs": log})
    assert found == "1/1 replicas never became healthy!; Healthcheck failed!"


def test_of_any_other_log_the_last_line_is_told() -> None:
    assert cause_in({"buildLogs": lines("one", "two")}) == "two"


def test_nothing_is_told_where_nothing_is() -> None:
    empty: list[dict[str, Any]] = [
        {},
        {"deployment": None, "deploymentEvents": None, "buildLogs": None},
        {"deployment": {"diagnosis": 5}, "deploymentEvents": {"edges": []}},
    ]
    assert [cause_in(one) for one in empty] == ["", "", ""]


def test_what_is_broken_in_one_part_hides_none_of_the_others() -> None:
    broken: list[dict[str, Any]] = [
        {"deploymentEvents": {"edges": [{"node": None}]}},
        {"deploymentEvents": {"edges": [None]}},
        {"deploymentEvents": {"edges": [{"node": {"createdAt": None}}]}},
        {"deploymentEvents": 5},
    ]
    for answer in broken:
        assert cause_in({**answer, "buildLogs": lines("one", "two")}) == "two"
    assert cause_in({"buildLogs": [None]}) == ""
