from app.backend.clients import FailedAnswer, Outcomes


def failed(at: float, status: int, method: str = "POST") -> FailedAnswer:
    return FailedAnswer(
        at=at, method=method, status=status, headers={"x": "canary"}, body="canary"
    )


def test_the_newest_failure_of_each_status_is_kept() -> None:
    outcomes = Outcomes()
    for at in range(1000):
        outcomes.failed(failed(at, 400 + at % 3))
    outcomes.failed(failed(2000, 401))

    assert [(one.at, one.status) for one in outcomes.unrefuted()] == [
        (2000, 401),
        (999, 400),
        (998, 402),
    ]
    assert (outcomes.failures, outcomes.last_trouble) == (1001, 2000)


def test_a_success_refutes_the_failures_of_its_own_method() -> None:
    outcomes = Outcomes()
    outcomes.failed(failed(1, 400))
    outcomes.succeeded("GET", 2)
    assert [one.status for one in outcomes.unrefuted()] == [400]
    outcomes.succeeded("POST", 3)

    assert not [*outcomes.unrefuted()]
    assert (outcomes.successes, outcomes.last_success) == (2, 3)


def test_a_failure_shows_nothing_that_the_vendor_wrote() -> None:
    assert "canary" not in repr(failed(1, 400))
