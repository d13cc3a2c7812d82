from hypothesis import given
from hypothesis import strategies as st

from app.backend.config.environment import Config, read_config
from app.backend.server import DrainPlan, plan_drain

seconds = st.integers(0, 900)
optional = st.none() | seconds


def _config(**variables: float | str | None) -> Config:
    given = {name: str(value) for name, value in variables.items() if value is not None}
    return read_config(given)


def test_without_a_platform_the_lame_duck_lasts_two_seconds() -> None:
    assert plan_drain(_config()) == (DrainPlan(2, 20, 3), ())


def test_on_railway_traffic_has_moved_before_the_signal() -> None:
    plan, problems = plan_drain(_config(RAILWAY_ENVIRONMENT_NAME="production"))

    assert (plan, problems) == (DrainPlan(0, 20, 3), ())


def test_requests_get_what_the_platforms_budget_leaves() -> None:
    plan, problems = plan_drain(
        _config(
            RAILWAY_ENVIRONMENT_NAME="production",
            RAILWAY_DEPLOYMENT_DRAINING_SECONDS=60,
        )
    )

    assert (plan, problems) == (DrainPlan(0, 55, 3), ())


def test_a_drain_timeout_over_the_budget_is_kept_and_named() -> None:
    plan, [problem] = plan_drain(
        _config(
            RAILWAY_ENVIRONMENT_NAME="production",
            RAILWAY_DEPLOYMENT_DRAINING_SECONDS=30,
            PM33_DRAIN_TIMEOUT=60,
        )
    )

    assert plan.in_flight == 60
    assert problem.variable == "PM33_DRAIN_TIMEOUT"
    assert "25.0 or less" in problem.remedy
    assert "DRAINING_SECONDS to 65 or more" in problem.remedy


def test_a_budget_too_small_for_the_defaults_is_what_has_to_change() -> None:
    plan, [problem] = plan_drain(_config(RAILWAY_DEPLOYMENT_DRAINING_SECONDS=5))

    assert plan == DrainPlan(2, 0, 3)
    assert problem.variable == "RAILWAY_DEPLOYMENT_DRAINING_SECONDS"
    assert "7 or more" in problem.remedy


@given(budget=optional, lame_duck=optional, drain=optional, close=st.floats(0.1, 600))
def test_the_plan_ends_before_the_kill_or_a_problem_says_so(
    budget: int | None, lame_duck: int | None, drain: int | None, close: float
) -> None:
    plan, problems = plan_drain(
        _config(
            RAILWAY_DEPLOYMENT_DRAINING_SECONDS=budget,
            PM33_LAME_DUCK=lame_duck,
            PM33_DRAIN_TIMEOUT=drain,
            PM33_CLOSE_TIMEOUT=close,
        )
    )

    in_time = budget is None or plan.total <= budget - 2 + 0.001
    assert in_time is (problems == ())
    assert min(plan.lame_duck, plan.in_flight, plan.closing) >= 0


@given(budget=seconds, lame_duck=optional, drain=optional)
def test_following_the_remedy_solves_the_problem(
    budget: int, lame_duck: int | None, drain: int | None
) -> None:
    variables = {
        "RAILWAY_DEPLOYMENT_DRAINING_SECONDS": budget,
        "PM33_LAME_DUCK": lame_duck,
        "PM33_DRAIN_TIMEOUT": drain,
    }
    _, problems = plan_drain(_config(**variables))

    for problem in problems:
        advised = float(problem.remedy.removeprefix("set it to ").split(" ")[0])
        _, left = plan_drain(_config(**{**variables, problem.variable: advised}))
        assert left == ()


@given(lame_duck=seconds, drain=seconds, close=st.integers(1, 900), budget=optional)
def test_explicit_values_are_never_changed(
    lame_duck: int, drain: int, close: int, budget: int | None
) -> None:
    plan, _ = plan_drain(
        _config(
            PM33_LAME_DUCK=lame_duck,
            PM33_DRAIN_TIMEOUT=drain,
            PM33_CLOSE_TIMEOUT=close,
            RAILWAY_DEPLOYMENT_DRAINING_SECONDS=budget,
        )
    )

    assert plan == DrainPlan(lame_duck, drain, close)
