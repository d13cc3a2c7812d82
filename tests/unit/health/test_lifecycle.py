import pytest

from app.backend.health.lifecycle import Lifecycle, Stage


def test_a_process_starts_serves_and_drains() -> None:
    lifecycle = Lifecycle()
    stages = [lifecycle.stage]
    lifecycle.subscribe(lambda: stages.append(lifecycle.stage))
    lifecycle.serve()
    lifecycle.drain()

    assert stages == [Stage.STARTING, Stage.SERVING, Stage.DRAINING]


def test_a_change_that_is_none_is_told_to_nobody() -> None:
    lifecycle, told = Lifecycle(), []
    lifecycle.subscribe(lambda: told.append(lifecycle.stage))
    for step in (lifecycle.serve, lifecycle.serve, lifecycle.drain, lifecycle.drain):
        step()

    assert told == [Stage.SERVING, Stage.DRAINING]


@pytest.mark.parametrize("served", [True, False])
def test_there_is_no_way_back_from_draining(*, served: bool) -> None:
    lifecycle = Lifecycle()
    if served:
        lifecycle.serve()
    lifecycle.drain()
    lifecycle.serve()

    assert lifecycle.stage is Stage.DRAINING


def test_who_has_unsubscribed_is_left_in_peace() -> None:
    lifecycle, first, second = Lifecycle(), [], []
    leave = lifecycle.subscribe(lambda: first.append(1))
    lifecycle.subscribe(lambda: second.append(1))
    lifecycle.serve()
    leave()
    lifecycle.drain()

    assert (len(first), len(second)) == (1, 2)


def test_a_listener_may_leave_while_it_is_told() -> None:
    lifecycle, told = Lifecycle(), []

    def once() -> None:
        told.append("once")
        leave()

    leave = lifecycle.subscribe(once)
    lifecycle.subscribe(lambda: told.append("always"))
    lifecycle.serve()
    lifecycle.drain()

    assert told == ["once", "always", "always"]
