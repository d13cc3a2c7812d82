"""The account that decides whether switches lose anything must not be blind itself."""

from typing import Any

import pytest

from tests.support.load import Kind, Loss, Request
from tests.support.switch_report import Switch, SwitchReport

SWITCHES = [Switch("a", 0, 0), Switch("b", 10, 10.1), Switch("c", 20, 20.1)]


def request(sent: float, release: str = "a", **more: Any) -> Request:
    fields: dict[str, Any] = {
        "id": f"at-{sent}",
        "kind": Kind.KEPT_GET,
        "sent": sent,
        "ended": sent + 0.01,
        "late": 0.0,
        "release": release,
        "status": 200,
    }
    return Request(**(fields | more))


def report(*requests: Request, executed: dict[str, int] | None = None) -> SwitchReport:
    return SwitchReport.of(requests, SWITCHES, executed or {})


@pytest.mark.parametrize(
    ("sent", "release", "stale"),
    [
        (5, "a", False),
        (10.05, "a", False),  # the switch had not returned
        (10.05, "b", False),
        (10.2, "a", True),
        (10.2, "b", False),
        (19.99, "c", False),  # answered after the next switch
        (21, "b", True),
        (21, "a", True),
        (21, "nobody", True),
    ],
)
def test_an_answer_of_a_release_that_was_replaced_before_is_stale(
    sent: float, release: str, *, stale: bool
) -> None:
    found = report(request(sent, release))

    assert bool(found.stale) is stale
    assert found.clean is not stale


@pytest.mark.parametrize("loss", list(Loss))
def test_a_loss_is_counted_for_the_switch_it_met(loss: Loss) -> None:
    found = report(
        request(5),
        request(9.995, "", loss=loss),
        request(15, "", loss=loss),
        request(25, "", loss=loss),
    )

    assert found.per_switch() == [0, 2, 1]
    assert found.to_dict()["lost"] == {loss: 3}
    assert found.bound() is None


def test_the_bound_follows_the_rule_of_three() -> None:
    switches = [Switch(f"r{number}", number, number) for number in range(301)]

    assert SwitchReport.of([], switches, {}).bound() == 0.01
    assert SwitchReport.of([], switches[:3], {}).bound() == 1.0
    assert SwitchReport.of([], switches[:1], {}).bound() is None


def test_a_post_is_executed_once_and_not_more_and_not_less() -> None:
    posts = [request(float(at), kind=Kind.KEPT_POST, id=f"p{at}") for at in range(3)]

    assert report(*posts, executed={"p0": 1, "p1": 1, "p2": 1}).clean
    found = report(*posts, executed={"p0": 1, "p1": 2})
    assert (found.repeated, found.missing) == (["p1"], ["p2"])
    assert not found.clean


def test_a_lost_post_may_have_been_executed_or_not() -> None:
    lost = request(5, "", kind=Kind.KEPT_POST, id="p", loss=Loss.RESET)

    assert report(lost).missing == []
    assert report(lost, executed={"p": 1}).repeated == []


def test_it_tells_figures_and_each_loss() -> None:
    told = str(report(request(5), request(15, "", loss=Loss.REFUSED)))

    assert "2 requests, 2 switches" in told
    assert "at-15" in told
    assert "refused" in told
