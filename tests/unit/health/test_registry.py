import re
from collections.abc import Mapping
from functools import partial
from typing import Any

import pytest

from app.backend.config.environment import read_config
from app.backend.config.settings import SDK_CHECKS, CheckKnobs
from app.backend.health.attempt import Attempt
from app.backend.health.models import CheckPolicy, CheckResult, Status
from app.backend.health.registry import Registered, Registry
from app.errors import CheckBudgetError, CheckRegistrationError, DuplicateCheckError
from tests.support.health import OK


class Ledger:
    name = "ledger"
    critical = True
    period = 30.0

    async def probe(self) -> CheckResult:
        return OK


async def queue() -> CheckResult:
    return OK


def disk() -> None:
    return None


def registry(**variables: str) -> Registry:
    return Registry(read_config(variables).health.checks)


def only(registered: Registry) -> Registered:
    [entry] = registered
    return entry


def test_checks_keep_the_order_in_which_they_were_added() -> None:
    checks = registry()
    checks.add(queue)
    checks.add(Ledger())
    checks.add(disk)

    assert [entry.name for entry in checks] == ["queue", "ledger", "disk"]
    assert len(checks) == 3
    assert "ledger" in checks
    assert "other" not in checks


@pytest.mark.parametrize("candidate", [queue, disk, Ledger()], ids=["a", "b", "c"])
async def test_a_function_a_coroutine_function_and_an_object_can_be_asked(
    candidate: Any,
) -> None:
    checks = registry()
    checks.add(candidate)
    attempt = Attempt(only(checks).check)

    assert await attempt.wait(30)
    assert attempt.result().status is Status.HEALTHY


@pytest.mark.parametrize("second", [queue, Ledger()], ids=["function", "object"])
def test_a_name_is_given_once(second: Any) -> None:
    checks = registry()
    first = Ledger()
    first.name = getattr(second, "name", "queue")
    checks.add(first)

    with pytest.raises(DuplicateCheckError, match=first.name) as caught:
        checks.add(second)

    assert caught.value.remedy
    assert len(checks) == 1


def test_a_disabled_check_keeps_its_name_but_is_not_run() -> None:
    checks = registry(HEALTH_QUEUE_ENABLED="false")
    checks.add(queue)

    assert "queue" not in checks
    assert list(checks) == []
    assert checks.unused_knobs() == ()
    with pytest.raises(DuplicateCheckError):
        checks.add(queue)


@pytest.mark.parametrize(
    ("variables", "arguments", "period"),
    [
        ({}, {}, 30),
        ({}, {"period": 20}, 20),
        ({"HEALTH_LEDGER_PERIOD": "10"}, {"period": 20}, 10),
        ({"HEALTH_LEDGER_PERIOD": "10"}, {}, 10),
    ],
    ids=["attribute", "argument", "knob over argument", "knob over attribute"],
)
def test_knob_beats_argument_beats_attribute(
    variables: dict[str, str], arguments: dict[str, float], period: float
) -> None:
    checks = registry(**variables)
    checks.add(Ledger(), **arguments)

    assert only(checks).policy.period == period


def test_what_nobody_sets_comes_from_the_base_policy() -> None:
    checks = Registry(base=CheckPolicy(stale_periods=7, timeout=1.5))
    checks.add(Ledger())

    expected = CheckPolicy(critical=True, period=30, stale_periods=7, timeout=1.5)
    assert only(checks).policy == expected


@pytest.mark.parametrize("name", sorted(SDK_CHECKS))
def test_some_vendors_may_be_asked_by_their_sdk(name: str) -> None:
    check = Ledger()
    check.name = name
    checks = registry(**{f"HEALTH_{name.upper()}_PROBE": "sdk"})
    checks.add(check)

    assert name in checks


def test_a_check_without_an_sdk_is_refused_where_one_is_asked_for() -> None:
    checks = registry(HEALTH_LEDGER_PROBE="sdk")
    with pytest.raises(CheckRegistrationError, match="ledger") as caught:
        checks.add(Ledger())

    assert "HEALTH_LEDGER_PROBE" in caught.value.remedy
    assert "openai" in caught.value.remedy
    assert "ledger" not in checks
    assert checks.unused_knobs() == ()


@pytest.mark.parametrize(
    "variables",
    [
        {"HEALTH_LEDGER_PROBE": "http"},
        {"HEALTH_LEDGER_PROBE": "sdk", "HEALTH_LEDGER_ENABLED": "no"},
    ],
    ids=["plain", "disabled"],
)
def test_what_is_no_matter_of_an_sdk_is_not_refused(variables: dict[str, str]) -> None:
    registry(**variables).add(Ledger())


def test_a_knob_can_switch_off_what_a_check_wants_to_be() -> None:
    checks = registry(HEALTH_LEDGER_CRITICAL="no", HEALTH_LEDGER_MIN_TIME="0")
    checks.add(Ledger(), min_time=9)

    assert only(checks).policy.critical is False
    assert only(checks).policy.min_time == 0


def test_knobs_that_no_check_has_are_told() -> None:
    checks = registry(HEALTH_QEUE_PERIOD="3", HEALTH_LEDGER_PERIOD="3")
    checks.add(Ledger())

    assert checks.unused_knobs() == ("qeue",)


@pytest.mark.parametrize(
    "policy",
    [
        {"period": 0},
        {"period": -1},
        {"period": float("nan")},
        {"period": 86_401},
        {"timeout": 0},
        {"timeout": float("inf")},
        {"fall": 0},
        {"rise": -2},
        {"min_time": -1},
        {"min_time": float("nan")},
        {"initial_delay": -1},
        {"initial_delay": float("nan")},
        {"stale_periods": 0},
        {"stale_periods": float("nan")},
        {"period": "5"},
        {"timeout": None},
        {"fall": "2"},
    ],
    ids=str,
)
def test_an_unusable_policy_is_refused_with_a_remedy(
    policy: Mapping[str, Any],
) -> None:
    checks = registry()

    with pytest.raises(CheckRegistrationError, match=min(policy)) as caught:
        checks.add(queue, **policy)

    assert caught.value.remedy
    assert len(checks) == 0


@pytest.mark.parametrize(
    ("policy", "variables", "refused"),
    [
        ({"period": 60, "budget": 67}, {}, False),
        ({"period": 60, "budget": 66}, {}, True),
        ({"period": 60, "budget": 100, "calls": 2}, {}, True),
        ({"period": 60, "budget": 100, "calls": 0}, {}, False),
        ({"period": 60}, {}, False),
        ({"period": 60, "budget": 100}, {"HEALTH_QUEUE_PERIOD": "30"}, True),
        ({"period": 60, "budget": 9}, {"HEALTH_QUEUE_BUDGET": "0"}, False),
        ({"period": 60, "budget": 9}, {"HEALTH_QUEUE_ENABLED": "no"}, False),
        ({"period": 60}, {"HEALTH_QUEUE_BUDGET": "9"}, True),
    ],
)
def test_what_would_exceed_its_budget_is_refused(
    policy: dict[str, Any], variables: dict[str, str], *, refused: bool
) -> None:
    checks = registry(**variables)
    error = None
    try:
        checks.add(queue, **policy)
    except CheckBudgetError as caught:
        error = caught

    assert (error is not None) is refused
    assert "queue" not in checks if refused else checks.unused_knobs() == ()


def test_the_remedy_for_a_budget_names_a_period_that_fits() -> None:
    checks = registry(HEALTH_QUEUE_PERIOD="20", HEALTH_QUEUE_BUDGET="100")
    with pytest.raises(CheckBudgetError, match="200 calls an hour") as caught:
        checks.add(queue)
    found = re.search(r"HEALTH_QUEUE_PERIOD to (\d+)", caught.value.remedy)
    assert found is not None

    # Its variables are no misspelt ones.
    assert checks.unused_knobs() == ()
    fitting = registry(HEALTH_QUEUE_PERIOD=found[1], HEALTH_QUEUE_BUDGET="100")
    fitting.add(queue)
    assert "queue" in fitting


def test_a_refused_check_leaves_its_name_to_another() -> None:
    checks = registry()
    with pytest.raises(CheckRegistrationError):
        checks.add(queue, period=0)
    checks.add(queue)

    assert "queue" in checks


def test_a_misspelt_policy_field_is_refused_by_name() -> None:
    with pytest.raises(CheckRegistrationError, match="perod") as caught:
        registry().add(queue, perod=3)

    assert "period" in caught.value.remedy


@pytest.mark.parametrize(
    "name", ["", "Queue", "9lives", "a-b", "a b", "a" * 65, "naïve", 7, "queue\n"]
)
def test_an_unusable_name_is_refused(name: Any) -> None:
    check = Ledger()
    check.name = name

    with pytest.raises(CheckRegistrationError, match="no usable name"):
        registry().add(check)


@pytest.mark.parametrize("anonymous", [lambda: OK, partial(disk), 7, None, object()])
def test_what_has_no_name_is_refused(anonymous: Any) -> None:
    with pytest.raises(CheckRegistrationError, match="no usable name"):
        registry().add(anonymous)


def test_a_class_is_refused_in_favour_of_its_instance() -> None:
    with pytest.raises(CheckRegistrationError, match="is a class") as caught:
        registry().add(Ledger)  # type: ignore[arg-type] # the mistake

    assert "instance" in caught.value.remedy


def test_an_object_that_cannot_be_asked_is_refused() -> None:
    class Mute:
        name = "mute"
        probe = "not callable"

    with pytest.raises(CheckRegistrationError, match="neither a function"):
        registry().add(Mute())  # type: ignore[arg-type] # the mistake


def test_every_knob_that_names_a_policy_field_reaches_the_policy() -> None:
    changed: dict[str, Any] = {
        "period": 1.0,
        "timeout": 2.0,
        "fall": 3,
        "rise": 4,
        "min_time": 5.0,
    }
    changed |= {"critical": True, "shared": True, "gate": True, "base_url": "http://x"}
    changed |= {"backoff": True, "budget": 9000}
    checks = Registry({"queue": CheckKnobs.model_validate(changed)})
    checks.add(queue)

    assert only(checks).policy == CheckPolicy(**changed)


@pytest.mark.parametrize(
    ("policy", "for_all"),
    [
        ({"shared": True, "once_per_fleet": True}, True),
        ({"shared": False, "once_per_fleet": True}, False),
        ({"shared": True}, False),
        ({"shared": True, "once_per_fleet": True, "calls": 0}, False),
    ],
)
def test_one_replica_asks_for_all_where_that_is_wanted_and_somebody_is_asked(
    policy: dict[str, Any], *, for_all: bool
) -> None:
    checks = registry()
    checks.add(queue, **policy)
    assert only(checks).policy.asks_for_all is for_all


def test_a_check_of_the_whole_fleet_can_be_made_each_replica_s_own() -> None:
    checks = registry(HEALTH_QUEUE_SHARED="false")
    checks.add(queue, shared=True, once_per_fleet=True)
    assert not only(checks).policy.asks_for_all
